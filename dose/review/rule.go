package review

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"radagora/content"
	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

// A Status says what a rule may do.
type Status string

// The statuses, as the content has them.
const (
	Ready       Status = "ready"
	SiteDefault Status = "site_default"   // triggers, and is shown as the site's own level
	Incomplete  Status = "set_incomplete" // triggers as "criterion of part I reached": the law has parts that are missing here
	ToConfirm   Status = "to_confirm"     // a line, and no case
	Information Status = "information"    // likewise
	ToTypeIn    Status = "to_type_in"     // a part that is missing
)

// Triggers reports whether a rule of this status may open a case.
func (s Status) Triggers() bool { return s == Ready || s == SiteDefault || s == Incomplete }

// An Aggregation says which number of an examination is compared.
type Aggregation string

// The aggregations.
const (
	HighestEvent Aggregation = "highest_event"
	SumOverlap   Aggregation = "sum_overlap"
	SumEvents    Aggregation = "sum_events"
	MeanLast20   Aggregation = "mean_last_20"
	SkinMaximum  Aggregation = "skin_map_maximum"
	CountAbove   Aggregation = "count_above"
	SumExams     Aggregation = "sum_examinations"
)

// A Rule is an alert rule of a content set.
type Rule struct {
	ID, Set     string // Set is the rule set, such as SKIN
	Country     string // whose law it is, ISO 3166-1 alpha-2; "" for everybody's
	Group       bool   // about examinations of one machine, not about one of a person
	Quantity    dose.Quantity
	Named       string // the quantity in the words of the content
	Aggregation Aggregation
	PerPlane    bool // each plane and the sum of both are tested
	AtLeast     bool // reaching the value is enough
	Value       float64
	Unit        string // UCUM; "x DRL" of a multiple of the level
	Window      bool   // also over some weeks, same person
	Years       int    // of a cumulative rule: how far it looks back at most
	Armed       float64
	Meaning     string
	Status      Status
	Source      string

	Intervention string   // "yes", "no" or "" for any
	Modalities   []string // empty: all but those excluded
	Exclude      []string
	Region       string // "brain", "other" or "" for any

	Legal       bool // never scaled, never justified in bulk, never held back
	Substantial bool // a case closes with appointment, letter and result
	Notice      bool // a line on the day, and no case

	Sizes []Band // patients it is about, without values; empty: of any size
	Bands []Band // triggers by size
	Ref   content.Ref
}

// A Band is a trigger for patients of a size. The least size is in it, the greatest
// is not.
type Band struct {
	Kind     string // weight_kg, or dw_cm: the water-equivalent diameter
	Min, Max float64
	HasMax   bool
	Value    float64
}

// The kinds of bands.
const (
	kindWeight   = "weight_kg"
	kindDiameter = "dw_cm"
)

// holds reports whether a size is in the band.
func (b Band) holds(size float64) bool { return size >= b.Min && (!b.HasMax || size < b.Max) }

// overlaps reports whether a size may be in both bands.
func (b Band) overlaps(o Band) bool {
	return b.Kind == o.Kind && (!b.HasMax || o.Min < b.Max) && (!o.HasMax || b.Min < o.Max)
}

// Opens reports whether the rule opens cases.
func (r Rule) Opens() bool { return r.Status.Triggers() && !r.Notice }

// Scopes say what examinations are taken for.
type Scopes struct{ all map[[2]string]scope }

type scope struct{ region, intervention string }

// deviceModalities are the modalities of the devices that rules name. Cone-beam CT
// reports as fluoroscopy or as CT.
var deviceModalities = map[string][]string{
	"CT": {"CT"}, "CBCT": {"CT", "RF"}, "fluoroscopy": {"RF"}, "nuclear": {"NM"}, "mammography": {"MG"}, "radiography": {"DX"},
}

// named are the quantities that rules name, by name and, where that matters,
// aggregation.
var named = map[string]dose.Quantity{
	"CTDIvol highest_event": dose.QuantityCTDIvolMax, "CTDIvol sum_overlap": dose.QuantityCTDIvolOverlap,
	"DAP total": dose.QuantityDAP, "dose at reference point": dose.QuantityRP, "fluoroscopy time": dose.QuantityFluoroTime,
	"DLP": dose.QuantityDLP, "AGD": dose.QuantityAGD, "activity": dose.QuantityActivity, "peak skin dose": QuantitySkin,
	"effective dose above intended": QuantityAboveIntended, "activity over intended": QuantityOverIntended,
	"cumulative effective dose": QuantityCumulative,
}

// QuantitySkin is the peak of a skin map, in Gy. It is no amount of a report.
const QuantitySkin dose.Quantity = "skin_peak"

// LoadRules reads all rules that a site works with, and what examinations are taken
// for. Invalid: a rule that triggers and cannot be computed as it is written, a unit
// nobody knows, or a trigger by size of a rule of law.
func LoadRules(library *content.Library, siteID string) ([]Rule, Scopes, error) {
	var all []Rule
	for _, set := range library.OfKind(siteID, "alert_rules") {
		table, err := set.Table("rules")
		if err != nil {
			return nil, Scopes{}, err
		}
		for row := range table.All() {
			r, err := readRule(row)
			if err != nil {
				return nil, Scopes{}, err
			}
			r.Ref = set.Ref()
			all = append(all, r)
		}
	}
	scopes := Scopes{map[[2]string]scope{}}
	for _, set := range library.OfKind(siteID, "alert_scopes") {
		if err := scopes.read(set); err != nil {
			return nil, Scopes{}, err
		}
		if err := readBands(set, all); err != nil {
			return nil, Scopes{}, err
		}
	}
	return all, scopes, nil
}

var (
	armedRule  = regexp.MustCompile(`> ([0-9.]+) x DRL`)
	yearsRule  = regexp.MustCompile(`(?:[0-9] to )?([0-9]{1,2}) years?`)
	sizeRule   = regexp.MustCompile(`^([0-9.]+)-([0-9.]*)$`)
	scopeSplit = regexp.MustCompile(`\s*;\s*`)
)

// readRule reads a row.
func readRule(row *content.Row) (Rule, error) {
	how := row.Text("aggregation")
	r := Rule{
		ID: row.Text("rule_id"), Set: row.Text("rule_set"), Country: row.Text("country"), Group: row.Text("per") == "device group",
		Named: row.Text("quantity"), AtLeast: row.Text("operator") == ">=", Unit: row.Text("unit"),
		Meaning: row.Text("meaning"), Status: Status(row.Text("status")), Source: row.Text("source"),
		PerPlane: strings.Contains(how, "per plane"), Window: strings.Contains(row.Text("window"), "12 weeks"),
	}
	first, _, _ := strings.Cut(how, ";")
	r.Aggregation = Aggregation(strings.TrimSpace(first))
	r.Quantity = cmp.Or(named[r.Named+" "+string(r.Aggregation)], named[r.Named])
	for _, trait := range row.List("traits") {
		switch trait {
		case "legal":
			r.Legal = true
		case "substantial":
			r.Substantial = true
		case "notice":
			r.Notice = true
		}
	}
	for _, part := range scopeSplit.Split(row.Text("scope"), -1) {
		if err := r.scope(part); err != nil {
			return r, err
		}
	}
	if m := yearsRule.FindStringSubmatch(row.Text("window")); m != nil {
		r.Years, _ = strconv.Atoi(m[1]) // two digits
	}
	if m := armedRule.FindStringSubmatch(row.Text("window")); m != nil {
		n, err := ucum.ParseDecimal(m[1])
		if err != nil {
			return r, fault.Errorf(fault.Invalid, "alert rule %s: window", r.ID)
		}
		r.Armed = n.Float()
	}
	if r.Status == ToTypeIn || r.Quantity == "" && !r.Status.Triggers() && r.Status != ToConfirm {
		return r, nil
	}
	if r.Quantity == QuantityCumulative && (r.Years == 0 || len(r.Modalities) == 0) {
		return r, fault.Errorf(fault.Invalid, "alert rule %s: a cumulative rule needs its devices, and its years in the window, such as 1 to 5 years", r.ID)
	}
	if r.Legal && len(r.Sizes) > 0 {
		return r, fault.Errorf(fault.Invalid, "alert rule %s: a rule of law is about patients of any size", r.ID)
	}
	n, err := ucum.ParseDecimal(row.Text("value"))
	if err != nil {
		return r, fault.Errorf(fault.Invalid, "alert rule %s: value is no number", r.ID)
	}
	r.Value = n.Float()
	if r.Quantity != "" {
		if _, err := convert(1, r.Unit, unitOf(r.Quantity)); err != nil {
			return r, fault.Errorf(fault.Invalid, "alert rule %s: unit %s is not one of %s", r.ID, r.Unit, r.Named)
		}
	}
	return r, row.Err()
}

// scope reads one part of the scope of a rule.
func (r *Rule) scope(part string) error {
	key, value, _ := strings.Cut(part, "=")
	switch key {
	case "intervention":
		r.Intervention = value
	case "devices":
		for d := range strings.SplitSeq(value, ",") {
			r.Modalities = append(r.Modalities, deviceModalities[strings.TrimSpace(d)]...)
		}
	case "exclude":
		for d := range strings.SplitSeq(value, ",") {
			switch strings.TrimSpace(d) {
			case "projection_radiography":
				r.Exclude = append(r.Exclude, "DX")
			case "dental_cbct":
				r.Exclude = append(r.Exclude, "PX")
			}
		}
	case "region":
		r.Region = "other"
		if value == "brain" {
			r.Region = value
		}
	case kindWeight, kindDiameter:
		b := Band{Kind: key}
		m := sizeRule.FindStringSubmatch(value)
		if m != nil {
			b.Min, _ = strconv.ParseFloat(m[1], 64)
			b.Max, _ = strconv.ParseFloat(m[2], 64)
			b.HasMax = m[2] != ""
		}
		if m == nil || b.HasMax && b.Min >= b.Max {
			return fault.Errorf(fault.Invalid, "alert rule %s: scope %.40q: write %s=50-90, or %s=90- without an end", r.ID, part, key, key)
		}
		r.Sizes = append(r.Sizes, b)
	}
	return nil
}

// read adds the rows of a set; the latter set wins.
func (s Scopes) read(set *content.Set) error {
	table, err := set.Table("scopes")
	if err != nil {
		return err
	}
	for row := range table.All() {
		s.all[[2]string{row.Text("by"), row.Text("code")}] = scope{row.Text("region"), row.Text("intervention")}
	}
	return nil
}

// readBands adds triggers by size to the rules they are of.
func readBands(set *content.Set, rules []Rule) error {
	table, err := set.Table("bands")
	if err != nil {
		return err
	}
	for row := range table.All() {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == row.Text("rule_id") })
		if i < 0 || rules[i].Legal {
			return fault.Errorf(fault.Invalid, "triggers by size: rule %s is not there, or is one of law, which is never scaled", row.Text("rule_id"))
		}
		b := Band{Kind: row.Text("size_kind")}
		b.Min, _ = row.Number("size_min")
		b.Max, b.HasMax = row.Number("size_max")
		b.Value, _ = row.Number("value")
		switch {
		case row.Err() != nil:
			return row.Err()
		case b.HasMax && b.Min >= b.Max:
			return fault.Errorf(fault.Invalid, "triggers by size: rule %s: size_min must be below size_max", row.Text("rule_id"))
		case slices.ContainsFunc(rules[i].Bands, b.overlaps):
			return fault.Errorf(fault.Invalid, "triggers by size: rule %s: two bands overlap from %g on", row.Text("rule_id"), b.Min)
		}
		rules[i].Bands = append(rules[i].Bands, b)
	}
	return nil
}

// Intervention returns whether an examination is an intervention, "yes" or "no", or
// "" if nobody has said: by its code, else by its room. A CT is none unless that is
// said.
func (s Scopes) Intervention(modality, exam, room string) string {
	said := cmp.Or(s.all[[2]string{"exam_code", exam}].intervention, s.all[[2]string{"room", room}].intervention)
	if said == "" && modality != "RF" {
		return "no"
	}
	return said
}

// Region returns "brain" or "other" for what a CT is of, or "" if that is not known:
// by the code of the examination, by its region, else by the target region of the
// events.
func (s Scopes) Region(exam string, regions, events []string) string {
	if r := s.all[[2]string{"exam_code", exam}].region; r != "" {
		return r
	}
	for _, region := range regions {
		if r := s.all[[2]string{"exam_region", region}].region; r != "" {
			return r
		}
	}
	if len(regions) > 0 {
		return "other"
	}
	told := ""
	for _, e := range events {
		if e == "" {
			continue
		}
		switch of, listed := s.all[[2]string{"event_region", e}]; {
		case of.region == "brain":
			return "brain"
		case !listed:
			told = "other"
		}
	}
	return told
}

// unitOf returns the unit in which a quantity is kept.
func unitOf(q dose.Quantity) string {
	switch q {
	case QuantitySkin:
		return "Gy"
	case QuantityCumulative, QuantityAboveIntended:
		return "mSv"
	case QuantityOverIntended:
		return "1"
	default:
		return dose.QuantityUnit(q)
	}
}

// convert turns a number from one unit into another.
func convert(v float64, from, to string) (float64, error) {
	a, err := ucum.Parse(from)
	if err != nil {
		return 0, err
	}
	b, err := ucum.Parse(to)
	if err != nil {
		return 0, err
	}
	if from == to {
		return v, nil
	}
	one, err := ucum.Convert(ucum.Int(1), a, b)
	if err != nil {
		return 0, err
	}
	return v * one.Float(), nil
}
