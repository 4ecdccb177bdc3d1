package dose

import (
	"strings"
	"sync"

	"radagora/dicom/sr"
)

// A Coded is a coded value as the report has it, and the concept it is taken for.
type Coded struct {
	Written sr.Code // as written; value and scheme may be empty
	SCT     sr.Code // in SNOMED CT; zero if there is no mapping
	Word    string  // this program's own word, "" if it has none for the code
}

// IsZero reports whether there is no code: nothing, or a meaning alone.
func (c Coded) IsZero() bool { return c.Written.Value == "" }

// snomed maps SNOMED-RT codes to SNOMED CT, from the content set dose/srt.
var snomed = sync.OnceValue(func() map[string]string {
	table, err := builtIn().Table("", "dose/srt", "map")
	if err != nil {
		panic(err) // it is embedded, and a test reads it
	}
	m := make(map[string]string, table.Len())
	for row := range table.All() {
		if sct := row.Text("sct_code"); sct != "" {
			m[row.Text("srt_code")] = sct
		}
	}
	return m
})

// legacySchemes are names of SNOMED-RT (PS3.16 8.1: SRT; SNM3 is SNOMED 3).
var legacySchemes = map[string]bool{"SRT": true, "SNM3": true}

// conceptAliases are codes that devices use for a concept with another code.
var conceptAliases = map[string]struct{ code, source string }{
	"113735|DCM":    {"113824|DCM", "Exposure Time, deprecated; Siemens angiography"},
	"113632|DCM":    {"111632|DCM", "Anode Target Material; one mammography vendor"},
	"F-61FDB|SRT":   {"417881006|SCT", "Radiopharmaceutical agent, TID 10022 row 2"},
	"349358000|SCT": {"417881006|SCT", "Radiopharmaceutical agent in another edition"},
	"G-C036|SRT":    {"370129005|SCT", "Measurement Method, TID 10012 row 7"},
	"F-01860|SRT":   {"60621009|SCT", "Body Mass Index, TID 10024 row 9"},
	"G-D701|SRT":    {"118538004|SCT", "Mass, TID 10023 row 4"},
}

// key returns what a code is known by here: value and scheme, SNOMED-RT replaced
// by SNOMED CT, and DCM where a code of DCM is labelled as SNOMED-RT or as
// nothing. The meaning never counts.
func key(c sr.Code) string {
	value, scheme := c.Value, c.Scheme
	if legacySchemes[scheme] {
		scheme = "SRT"
		if sct, ok := snomed()[value]; ok {
			return sct + "|SCT"
		}
	}
	if (scheme == "SRT" || scheme == "") && isDCM(value) {
		scheme = "DCM"
	}
	return value + "|" + scheme
}

// conceptKey is key for the name of a concept.
func conceptKey(c sr.Code) string {
	k := key(c)
	if alias, ok := conceptAliases[k]; ok {
		return alias.code
	}
	return k
}

// isDCM reports whether value has the form of the DCM codes: six digits from
// 109001 to 135999. No code of SNOMED-RT is a number.
func isDCM(value string) bool {
	return len(value) == 6 && digits(value) && value >= "109001" && value <= "135999"
}

// coded returns what a coded value means.
func coded(c sr.Code) Coded {
	k := key(c)
	out := Coded{Written: c, Word: words[k]}
	if sct, ok := strings.CutSuffix(k, "|SCT"); ok {
		out.SCT = sr.Code{Value: sct, Scheme: "SCT", Meaning: c.Meaning}
	}
	return out
}

// words are this program's words for the codes it acts on, with where the
// standard lists them.
var words = map[string]string{
	"113690|DCM":    "head16",         // CID 4052, the 16 cm phantom
	"113691|DCM":    "body32",         // CID 4052, the 32 cm phantom
	"113804|DCM":    "sequenced",      // CID 10013
	"116152004|SCT": "spiral",         // CID 10013
	"113805|DCM":    "constant_angle", // CID 10013, the localizer
	"113806|DCM":    "stationary",     // CID 10013
	"113807|DCM":    "free",           // CID 10013
	"702569007|SCT": "cone_beam",      // CID 10013
	"44491008|SCT":  "fluoroscopy",    // CID 10002
	"113611|DCM":    "stationary",     // CID 10002
	"113612|DCM":    "stepping",       // CID 10002
	"113613|DCM":    "rotational",     // CID 10002
	"113620|DCM":    "A",              // CID 10003
	"113621|DCM":    "B",              // CID 10003
	"113622|DCM":    "single",         // CID 10003
	"7771000|SCT":   "left",           // CID 244
	"24028007|SCT":  "right",          // CID 244
	"51440002|SCT":  "both",           // CID 244
	"80248007|SCT":  "left",           // CID 6022, left breast
	"73056007|SCT":  "right",          // CID 6022, right breast
	"63762007|SCT":  "both",           // CID 6022, both breasts
	"373066001|SCT": "yes",            // CID 230
	"373067005|SCT": "no",             // CID 230
	"113014|DCM":    "study",          // CID 10000
	"113016|DCM":    "step",           // CID 10000
}
