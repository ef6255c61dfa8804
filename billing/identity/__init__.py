"""Who buys: legal and VAT identity of organisations, what proves it, and the VAT that follows."""
