"""Other projects' packages, measured on the same faces and in turns with ours."""
