"""Which densities a calculation needs, how they are made, and how those of many (mu, T) and frequencies are summed."""
