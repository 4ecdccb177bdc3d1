package fhirpath

// Check is to come.
func (x *Expression) Check(typ string) error { return nil }
