"""DICOM in, identity out: everything here runs in a limited child process and knows no Django."""
