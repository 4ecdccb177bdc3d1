package main

import (
	"radagora/dose"
	"radagora/web"
)

// overlap makes the part of the page about scans that overlap; nil unless an
// examination is a CT with a CTDIvol.
func overlap(s *dose.StoredStudy, i *dose.Item) *web.DoseOverlap {
	highest, ok := s.Amount(i.Key, dose.QuantityCTDIvolMax)
	if !ok {
		return nil
	}
	o := &web.DoseOverlap{Highest: highest.Value}
	if sum, ok := s.Amount(i.Key, dose.QuantityCTDIvolOverlap); ok {
		o.Summed, o.Sum, o.Events, o.Assumed = true, sum.Value, sum.Events, sum.Method == dose.MethodOverlapAssumed
	}
	return o
}
