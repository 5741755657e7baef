"""Who may look, and who may act: sign-in by OpenID Connect through Streamlit's own support, and roles."""
