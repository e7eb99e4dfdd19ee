"""What is looked at besides the responses themselves: maps, decompositions, Fermi surfaces, thermal counterparts."""
