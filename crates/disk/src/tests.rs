//! Files are whole or absent, whatever fails.
