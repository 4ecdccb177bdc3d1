package dose

import (
	"sync"

	"radagora/content"
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
	AreaMin, AreaMax ucum.Decimal // of the field that dose area product and reference dose make, in cm2
	Deviation        ucum.Decimal // how far a deviation index may be from the one that the exposure indices make
	ActivityMax      ucum.Decimal // in MBq; a larger number of an NM image is in Bq
}

// builtIn is the content the program comes with, for those who read reports
// without an installation.
var builtIn = sync.OnceValue(func() *content.Library {
	library, err := content.Open()
	if err != nil {
		panic(err) // it is embedded, and a test checks it
	}
	return library
})

// Defaults returns the thresholds this program is delivered with.
var Defaults = sync.OnceValue(func() Thresholds {
	t, err := LoadThresholds(builtIn(), "")
	if err != nil {
		panic(err) // it is embedded, and a test reads it
	}
	return t
})

// LoadThresholds reads the thresholds that a site works with from the content
// sets dose/defaults and dose/placeholder. One that is missing is Invalid.
func LoadThresholds(library *content.Library, site string) (Thresholds, error) {
	var t Thresholds
	numbers := map[string]*ucum.Decimal{
		"dose.check.total_difference": &t.TotalRelative, "dose.check.dlp_plausibility": &t.DLPPlausibility,
		"dose.check.age_max": &t.AgeMax, "dose.check.clock_days": &t.ClockDays,
		"dose.check.field_area_min": &t.AreaMin, "dose.check.field_area_max": &t.AreaMax,
		"dose.check.deviation_index": &t.Deviation, "dose.check.nm_activity_max": &t.ActivityMax,
	}
	table, err := library.Table(site, "dose/defaults", "settings")
	if err != nil {
		return t, err
	}
	for row := range table.All() {
		number, ok := numbers[row.Text("key")]
		if !ok {
			continue
		}
		if *number, err = ucum.ParseDecimal(row.Text("value")); err != nil {
			return t, fault.Errorf(fault.Invalid, "threshold %s: %w", row.Text("key"), err)
		}
		delete(numbers, row.Text("key"))
	}
	for key := range numbers {
		return t, fault.Errorf(fault.Invalid, "threshold %s is missing in dose/defaults", key)
	}
	patterns, err := library.Table(site, "dose/placeholder", "patterns")
	if err != nil {
		return t, err
	}
	for row := range patterns.All() {
		switch row.Text("field") {
		case "age":
			t.AgePlaceholders = append(t.AgePlaceholders, row.Text("pattern"))
		case "birth_date":
			t.BirthPlaceholder = append(t.BirthPlaceholder, row.Text("pattern"))
		}
	}
	return t, nil
}
