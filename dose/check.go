package dose

import "radagora/ucum"

// A Check is what an event records of one of the two dose checks of CT
// (PS3.16 TID 10015): alert or notification.
type Check struct {
	Path    string
	Values  Values
	Persons []Person
}

// Configured returns whether a value was configured for the quantity, FieldDLP or
// FieldCTDIvol: "yes", "no", or "" if the report does not say.
func (c *Check) Configured(quantity Field) string {
	return c.Values.Word(checkFields[quantity].set)
}

// Value returns the configured value for the quantity and whether one was sent.
func (c *Check) Value(quantity Field) (ucum.Decimal, bool) {
	return c.Values.Number(checkFields[quantity].value)
}

// Estimate returns the forward estimate for the quantity and whether one was sent.
func (c *Check) Estimate(quantity Field) (ucum.Decimal, bool) {
	return c.Values.Number(checkFields[quantity].estimate)
}

// Exceeded reports whether the forward estimate for the quantity is above the
// configured value.
func (c *Check) Exceeded(quantity Field) bool {
	value, configured := c.Value(quantity)
	estimate, estimated := c.Estimate(quantity)
	return configured && estimated && c.Configured(quantity) != "no" && estimate.Cmp(value) > 0
}

// Reason returns the reason for proceeding as recorded, "" if none is.
func (c *Check) Reason() string { return c.Values.Text(FieldReason) }

// checkFields are the fields of a check by the quantity that is checked.
var checkFields = map[Field]struct{ set, value, estimate Field }{
	FieldDLP:     {FieldDLPSet, FieldDLPValue, FieldDLPEstimate},
	FieldCTDIvol: {FieldCTDIvolSet, FieldCTDIvolValue, FieldCTDIvolEstim},
}
