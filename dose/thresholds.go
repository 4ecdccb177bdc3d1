package dose

import (
	_ "embed" // the defaults
	"io"
	"strings"
	"sync"

	"radagora/fault"
	"radagora/ucum"
)

// Thresholds are the numbers that the checks of a report go by. They are project
// defaults, not from a standard, and an installation may hand in its own.
type Thresholds struct {
	TotalRelative    ucum.Decimal // how far a sum may differ from a total, as a fraction
	DLPPlausibility  ucum.Decimal // how far CTDIvol times length may differ from DLP, as a fraction
	AgeMax           ucum.Decimal // in years
	AgePlaceholders  []string     // as written in (0010,1010)
	BirthPlaceholder []string     // as written in (0010,0030)
	ClockDays        ucum.Decimal // how far an event may be from the study day
}

//go:embed thresholds.tsv
var thresholdsTSV string

// Defaults returns the thresholds this program is delivered with.
var Defaults = sync.OnceValue(func() Thresholds {
	t, err := ParseThresholds(strings.NewReader(thresholdsTSV))
	if err != nil {
		panic(err) // it is embedded, and a test reads it
	}
	return t
})

// ParseThresholds reads thresholds from a table of tab-separated values with the
// columns key and value; further columns are for people. A key nobody knows, one
// that is missing and a value that is no number are fault.Invalid.
func ParseThresholds(r io.Reader) (Thresholds, error) {
	rows, err := readTSV(r)
	if err != nil {
		return Thresholds{}, err
	}
	var t Thresholds
	numbers := map[string]*ucum.Decimal{
		"total_relative": &t.TotalRelative, "dlp_plausibility": &t.DLPPlausibility,
		"age_max": &t.AgeMax, "clock_days": &t.ClockDays,
	}
	lists := map[string]*[]string{"age_placeholder": &t.AgePlaceholders, "birth_placeholder": &t.BirthPlaceholder}
	for _, row := range rows {
		key, value := row["key"], row["value"]
		if list, ok := lists[key]; ok {
			*list = strings.Fields(value)
			delete(lists, key)
			continue
		}
		number, ok := numbers[key]
		if !ok {
			return Thresholds{}, fault.Errorf(fault.Invalid, "threshold %q: not known, or twice", key)
		}
		if *number, err = ucum.ParseDecimal(value); err != nil {
			return Thresholds{}, fault.Errorf(fault.Invalid, "threshold %q: %w", key, err)
		}
		delete(numbers, key)
	}
	for key := range numbers {
		return Thresholds{}, fault.Errorf(fault.Invalid, "threshold %q is missing", key)
	}
	for key := range lists {
		return Thresholds{}, fault.Errorf(fault.Invalid, "threshold %q is missing", key)
	}
	return t, nil
}
