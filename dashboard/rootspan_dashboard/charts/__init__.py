"""Charts: tables and dataclasses in, Plotly figures out. They fetch nothing and know no Streamlit."""
