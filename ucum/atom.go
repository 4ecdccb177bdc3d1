package ucum

import "math/big"

// A base is a dimension that nothing else in this package is made of.
type base int

// The bases. Deviation: in UCUM, Gy and Sv are both m2.s-2 and Bq is s-1. Here
// each is a base of its own, so that an absorbed dose is never taken for an
// effective dose, nor an activity for a pulse rate.
const (
	length base = iota
	mass
	duration
	current
	voltage
	absorbedDose
	effectiveDose
	activity
	substance
	angle
	force
	bases // how many there are
)

// A dimension is the exponent of each base.
type dimension [bases]int16

// of returns the dimension of b to the power exponent.
func of(b base, exponent int16) dimension {
	var d dimension
	d[b] = exponent
	return d
}

// An atom is a unit symbol that is not put together from others.
type atom struct {
	symbol string
	dim    dimension
	scale  *big.Rat // how many of the base's own unit it is
	metric bool     // takes prefixes
	source string
}

// atoms are the unit symbols the program speaks, in UCUM's case-sensitive form.
// The source names the table of the UCUM specification (version 2.1).
var atoms = table([]atom{
	{"m", of(length, 1), ratio(1, 1), true, "UCUM table 1"},
	{"s", of(duration, 1), ratio(1, 1), true, "UCUM table 1"},
	{"g", of(mass, 1), ratio(1, 1), true, "UCUM table 1"},
	{"10*", dimension{}, ratio(10, 1), false, "UCUM table 3"},
	{"10^", dimension{}, ratio(10, 1), false, "UCUM table 3"},
	{"%", dimension{}, ratio(1, 100), false, "UCUM table 3"},
	{"mol", of(substance, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"A", of(current, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"V", of(voltage, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"N", of(force, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"Gy", of(absorbedDose, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"Sv", of(effectiveDose, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"Bq", of(activity, 1), ratio(1, 1), true, "UCUM table 4; a base here"},
	{"Hz", of(duration, -1), ratio(1, 1), true, "UCUM table 4"},
	{"l", of(length, 3), ratio(1, 1000), true, "UCUM table 5"},
	{"L", of(length, 3), ratio(1, 1000), true, "UCUM table 5"},
	{"min", of(duration, 1), ratio(60, 1), false, "UCUM table 5"},
	{"h", of(duration, 1), ratio(3600, 1), false, "UCUM table 5"},
	{"d", of(duration, 1), ratio(86400, 1), false, "UCUM table 5"},
	{"wk", of(duration, 1), ratio(604800, 1), false, "UCUM table 5"},
	{"mo", of(duration, 1), ratio(2629800, 1), false, "UCUM table 5: a twelfth of the Julian year"},
	{"a", of(duration, 1), ratio(31557600, 1), false, "UCUM table 5: the Julian year, 365.25 d"},
	{"deg", of(angle, 1), ratio(1, 1), false, "UCUM table 5; a base here"},
	{"[in_i]", of(length, 1), ratio(254, 10_000), false, "UCUM table 8"},
	{"[ft_i]", of(length, 1), ratio(3048, 10_000), false, "UCUM table 8"},
	{"[lb_av]", of(mass, 1), ratio(45_359_237, 100_000), false, "UCUM table 13"},
	{"[oz_av]", of(mass, 1), ratio(45_359_237, 1_600_000), false, "UCUM table 13"},
	{"Ci", of(activity, 1), ratio(37_000_000_000, 1), true, "UCUM table 6"},
})

// prefixes are the powers of ten of UCUM table 2.
var prefixes = map[string]int{
	"T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
	"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12,
}

// ratio returns the fraction a/b.
func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

// table makes atoms findable by symbol.
func table(list []atom) map[string]atom {
	m := make(map[string]atom, len(list))
	for _, a := range list {
		m[a.symbol] = a
	}
	return m
}

// aliases are ways of writing a unit that UCUM does not know but devices use,
// folded (see fold), and the UCUM code that is meant. A way that could mean two
// units ("MBQ": mega or milli) has no row.
var aliases = map[string]struct{ code, source string }{
	// dose area product
	"gym2":    {"Gy.m2", "Siemens angiography and radiography; image headers of several vendors"},
	"gy.m2":   {"Gy.m2", "case"},
	"gy.m^2":  {"Gy.m2", "as Gy.cm^2"},
	"gy*m2":   {"Gy.m2", "as mGy*cm"},
	"dgy.cm2": {"dGy.cm2", "case; Canon fluoroscopy writes dGy.cm2"},
	"dgycm2":  {"dGy.cm2", "as Gym2"},
	"gy.cm2":  {"Gy.cm2", "case"},
	"gycm2":   {"Gy.cm2", "as Gym2"},
	"gy.cm^2": {"Gy.cm2", "Siemens mobile C-arm, private summary"},
	"cgy.cm2": {"cGy.cm2", "case"},
	"cgycm2":  {"cGy.cm2", "as Gym2"},
	"ugy.m2":  {"uGy.m2", "case"},
	"ugym2":   {"uGy.m2", "as Gym2"},
	"µgym2":   {"uGy.m2", "as Gym2, with the sign for micro"},
	"µgy.m2":  {"uGy.m2", "the sign for micro"},
	"mgy.cm2": {"mGy.cm2", "case"},
	"mgycm2":  {"mGy.cm2", "as Gym2"},
	// dose, dose length product, effective dose
	"gy":     {"Gy", "case"},
	"mgy":    {"mGy", "case; in UCUM's case-insensitive form MGY is milligray too, megagray is MAGY"},
	"dgy":    {"dGy", "case"},
	"ugy":    {"uGy", "case"},
	"µgy":    {"uGy", "the sign for micro"},
	"mgycm":  {"mGy.cm", "GE Enhanced SR, Siemens CT"},
	"mgy.cm": {"mGy.cm", "case"},
	"mgy*cm": {"mGy.cm", "the asterisk as the sign for times"},
	"mgy-cm": {"mGy.cm", "the hyphen as the sign for times"},
	"sv":     {"Sv", "case"},
	"msv":    {"mSv", "case; as mGy"},
	"usv":    {"uSv", "case"},
	// charge, current, voltage, time
	"uas":     {"uA.s", "Hologic, GE, Siemens"},
	"ua.s":    {"uA.s", "case"},
	"µas":     {"uA.s", "the sign for micro"},
	"µa.s":    {"uA.s", "the sign for micro"},
	"mas":     {"mA.s", "as uAs"},
	"ma.s":    {"mA.s", "case"},
	"ma":      {"mA", "case"},
	"kv":      {"kV", "case"},
	"kvp":     {"kV", "the peak value named in the unit"},
	"sec":     {"s", "the usual short form"},
	"msec":    {"ms", "the usual short form"},
	"pulse/s": {"/s", "GE fluoroscopy; the standard writes {pulse}/s"},
	"1/s":     {"/s", "UCUM writes /s or s-1"},
	"s":       {"s", "case"},
	"ms":      {"ms", "case"},
	// lengths, weight, activity
	"mm":   {"mm", "case"},
	"cm":   {"cm", "case"},
	"kg":   {"kg", "case"},
	"bq":   {"Bq", "case"},
	"kbq":  {"kBq", "case"},
	"cm^2": {"cm2", "as Gy.cm^2"},
	"m^2":  {"m2", "as Gy.cm^2"},
	"cm3":  {"cm3", "case"},
	// counts, which UCUM writes as an annotation
	"x-raysources": {"1", "GE Enhanced SR; the standard writes {X-Ray sources}"},
	"events":       {"1", "the standard writes {events}"},
	"ratio":        {"1", "the standard writes {ratio}"},
	"pulse":        {"1", "the standard writes {pulse}"},
	"pulses":       {"1", "as pulse"},
	"frames":       {"1", "as events"},
	"unity":        {"1", "the meaning of UCUM code 1"},
	"nounits":      {"1", "PS3.16 CID 82: {no units}"},
	// age, size
	"years": {"a", "the meaning instead of the code"},
	"year":  {"a", "the meaning instead of the code"},
	"yr":    {"a", "the usual short form"},
	"ml":    {"mL", "case"},
}
