"""Train facial-expression models on FER2013."""
