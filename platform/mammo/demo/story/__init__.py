"""The demonstration: from DICOM files to a blinded Table 1, through the same services as the pages."""
