"""From a Secret's creation to Ready, through Metacontroller: two builds and a bare sequence."""
