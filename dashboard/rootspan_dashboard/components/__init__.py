"""Our own components: what Streamlit's charts cannot show at this size."""
