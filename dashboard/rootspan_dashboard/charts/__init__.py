"""Charts: tables and dataclasses in, plots out. They fetch nothing and know no Streamlit."""
