"""Who buys and who sells (`provider`): legal and VAT identity, what proves it, the VAT of it."""
