"""What tests of programs can use that are built with this library; its own tests are elsewhere."""
