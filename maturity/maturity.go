// Package maturity assesses digital maturity and quality stars from answers and evidence.
//
// Both are self-assessments with own criteria: the level follows the public description
// of the Digital Imaging Adoption Model, the topics of the stars those that ESR names for
// its EuroSafe Imaging Stars; neither result is one of their originators. Indicators,
// criteria and every number of the rules are content. Scoring is arithmetic on answers
// (Model.Score, Stars.Score); a Book keeps what people answered, for good.
package maturity

import (
	"embed"
	"io/fs"
	"math"
	"slices"

	"radagora/content"
	"radagora/evidence"
	"radagora/fault"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of the room for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// The sets of content that hold the indicators and criteria.
const (
	ModelSet = "maturity/model"
	StarsSet = "maturity/stars"
)

// Labels are a text by language; every one has "en".
type Labels map[string]string

// In returns the text in a language, the English one if there is none.
func (l Labels) In(language string) string {
	if t := l[language]; t != "" {
		return t
	}
	return l["en"]
}

// Mode says what evidence does to the answer of an indicator.
type Mode string

// The modes.
const (
	Measured  Mode = "measured"  // evidence proposes the answer
	Supported Mode = "supported" // evidence stands beside the question
	Declared  Mode = "declared"  // a person answers
)

// When an indicator may be answered as not applicable.
const (
	NAReason = "reason"      // with a reason
	NASingle = "single_area" // where the facility has a single area that makes images
)

// A Model is the digital maturity self-assessment as content has it.
type Model struct {
	Ref        content.Ref
	Areas      []Named
	Gates      []Gate
	Answers    []Named // of the scale: 0 to 4, na
	Indicators []Indicator
	Rules      Rules
}

// A Named is a code with its name.
type Named struct {
	Code string
	Name Labels
}

// A Gate is a level, or one of the branches beyond the levels.
type Gate struct {
	Named
	Level   int // 0 of a branch
	Meaning string
}

// An Indicator is a question.
type Indicator struct {
	ID, Area, Gate string
	Mandatory      bool
	Required       int // answer that a mandatory one needs
	Text           Labels
	Evidence       string // id of a fact; "" if none belongs to it
	Mode           Mode
	NA             string // see NAReason; "no": never
	Floor          bool   // the floor of decision support rests on it
}

// Rules are the numbers by which answers are scored, from content.
type Rules map[string]float64

// n returns a number that counts.
func (r Rules) n(key string) int { return int(math.Round(r[key])) }

// needed are the rules that a model must have, and those of stars.
var (
	neededModel = []string{"mean_least", "answer_most", "floor_least", "share_2", "share_3", "share_4", "flag_fresh", "flag_stale", "denominator_small", "supported_most", "branch_from", "group_least"}
	neededStars = []string{"shown_months", "plan_months", "open_most", "denominator_small"}
)

// Load reads the model of a site. Invalid: an indicator or a rule makes no sense.
func Load(lib *content.Library, siteID string) (*Model, error) {
	set, ok := lib.Set(siteID, ModelSet)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no content set %s", ModelSet)
	}
	m := &Model{Ref: set.Ref()}
	var err error
	if m.Areas, err = rows(set, "areas", func(r *content.Row) Named { return named(r, "area") }); err != nil {
		return nil, err
	}
	if m.Answers, err = rows(set, "answers", func(r *content.Row) Named { return named(r, "answer") }); err != nil {
		return nil, err
	}
	m.Gates, err = rows(set, "gates", func(r *content.Row) Gate {
		level, _ := r.Int("level")
		return Gate{Named: named(r, "gate"), Level: level, Meaning: r.Text("meaning")}
	})
	if err != nil {
		return nil, err
	}
	m.Indicators, err = rows(set, "indicators", func(r *content.Row) Indicator {
		required, _ := r.Int("required")
		return Indicator{
			ID: r.Text("indicator"), Area: r.Text("area"), Gate: r.Text("gate"), Mandatory: r.Yes("mandatory"), Required: required,
			Text: labels(r, "text"), Evidence: r.Text("evidence"), Mode: Mode(r.Text("mode")), NA: r.Text("not_applicable"), Floor: r.Yes("floor"),
		}
	})
	if err != nil {
		return nil, err
	}
	if m.Rules, err = rules(set, neededModel); err != nil {
		return nil, err
	}
	return m, m.check()
}

// check refuses a model that cannot be scored.
func (m *Model) check() error {
	if len(m.Indicators) == 0 || len(m.Gates) == 0 || len(m.Areas) == 0 {
		return fault.Errorf(fault.Invalid, "%s: indicators, gates and areas are needed", ModelSet)
	}
	for i := range m.Indicators {
		x := &m.Indicators[i]
		switch {
		case m.Gate(x.Gate) == nil:
			return fault.Errorf(fault.Invalid, "%s: indicator %s names gate %q, which is none", ModelSet, x.ID, x.Gate)
		case x.Mandatory && (x.Required < 1 || x.Required > m.Rules.n("answer_most")):
			return fault.Errorf(fault.Invalid, "%s: mandatory indicator %s needs a required answer of 1 to %d", ModelSet, x.ID, m.Rules.n("answer_most"))
		case x.Mode != Declared && x.Evidence == "":
			return fault.Errorf(fault.Invalid, "%s: indicator %s is %s and names no evidence", ModelSet, x.ID, x.Mode)
		}
	}
	return nil
}

// Gate returns a gate by its code, nil if there is none.
func (m *Model) Gate(code string) *Gate {
	i := slices.IndexFunc(m.Gates, func(g Gate) bool { return g.Code == code })
	if i < 0 {
		return nil
	}
	return &m.Gates[i]
}

// Indicator returns an indicator by its id, nil if there is none.
func (m *Model) Indicator(id string) *Indicator {
	i := slices.IndexFunc(m.Indicators, func(x Indicator) bool { return x.ID == id })
	if i < 0 {
		return nil
	}
	return &m.Indicators[i]
}

// Linked returns the ids of the facts that indicators name, each once, sorted, and how
// many indicators name one.
func (m *Model) Linked() (ids []string, indicators int) {
	for i := range m.Indicators {
		if m.Indicators[i].Evidence != "" {
			ids = append(ids, m.Indicators[i].Evidence)
			indicators++
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), indicators
}

// Stars are the quality stars as content has them.
type Stars struct {
	Ref      content.Ref
	Topics   []Named
	Criteria []Criterion
	Rules    Rules
}

// A Criterion is what a star rests on.
type Criterion struct {
	ID, Topic  string
	Star       int
	Mandatory  bool
	Text       Labels
	MetWhen    string // in words
	Mode       Mode
	Conditions []Condition
}

// A Condition is what a fact must be for a criterion.
type Condition struct {
	Evidence string
	Test     string // share, denominator, count, fresh; shown: a person judges
	Least    float64
}

// LoadStars reads the stars of a site.
func LoadStars(lib *content.Library, siteID string) (*Stars, error) {
	set, ok := lib.Set(siteID, StarsSet)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no content set %s", StarsSet)
	}
	s := &Stars{Ref: set.Ref()}
	var err error
	if s.Topics, err = rows(set, "topics", func(r *content.Row) Named { return named(r, "topic") }); err != nil {
		return nil, err
	}
	s.Criteria, err = rows(set, "criteria", func(r *content.Row) Criterion {
		star, _ := r.Int("star")
		return Criterion{
			ID: r.Text("criterion"), Topic: r.Text("topic"), Star: star, Mandatory: r.Yes("mandatory"), Text: labels(r, "text"),
			MetWhen: r.Text("met_when"), Mode: Mode(r.Text("mode")),
		}
	})
	if err != nil {
		return nil, err
	}
	table, err := set.Table("conditions")
	if err != nil {
		return nil, err
	}
	for r := range table.All() {
		least, _ := r.Number("least")
		if c := s.Criterion(r.Text("criterion")); c != nil {
			c.Conditions = append(c.Conditions, Condition{Evidence: r.Text("evidence"), Test: r.Text("test"), Least: least})
		}
	}
	s.Rules, err = rules(set, neededStars)
	return s, err
}

// Criterion returns a criterion by its id, nil if there is none.
func (s *Stars) Criterion(id string) *Criterion {
	i := slices.IndexFunc(s.Criteria, func(c Criterion) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Criteria[i]
}

// Most returns the highest number of stars.
func (s *Stars) Most() (most int) {
	for i := range s.Criteria {
		most = max(most, s.Criteria[i].Star)
	}
	return most
}

// Linked returns the ids of the facts that criteria name, each once, sorted.
func (s *Stars) Linked() (ids []string) {
	for i := range s.Criteria {
		for _, c := range s.Criteria[i].Conditions {
			ids = append(ids, c.Evidence)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// rows reads a table of a set.
func rows[T any](set *content.Set, table string, read func(*content.Row) T) ([]T, error) {
	t, err := set.Table(table)
	if err != nil {
		return nil, err
	}
	return content.Collect(t, read)
}

// rules reads the numbers of a set. Invalid: one is missing.
func rules(set *content.Set, needed []string) (Rules, error) {
	t, err := set.Table("rules")
	if err != nil {
		return nil, err
	}
	out := Rules{}
	for r := range t.All() {
		out[r.Text("key")], _ = r.Number("value")
	}
	for _, key := range needed {
		if _, ok := out[key]; !ok {
			return nil, fault.Errorf(fault.Invalid, "%s: rule %s is missing", set.Ref().ID, key)
		}
	}
	return out, nil
}

func named(r *content.Row, code string) Named {
	return Named{Code: r.Text(code), Name: labels(r, "label")}
}

func labels(r *content.Row, prefix string) Labels {
	return Labels{"en": r.Text(prefix + "_en"), "de": r.Text(prefix + "_de"), "fr": r.Text(prefix + "_fr")}
}

// A Measure is what evidence said when somebody looked.
type Measure struct {
	ID          string         `json:"id"`
	State       evidence.State `json:"state"`
	Value       float64        `json:"value"`
	N           int            `json:"n,omitempty"`
	Numerator   float64        `json:"numerator,omitempty"`
	Denominator float64        `json:"denominator,omitempty"`
	Date        string         `json:"date,omitempty"`
}

// MeasureOf is what a value of the registry said.
func MeasureOf(v *evidence.Value) Measure {
	return Measure{ID: v.ID, State: v.State, Value: v.Value, N: v.N, Numerator: v.Numerator, Denominator: v.Denominator, Date: v.Date}
}

// A Proposal is the answer that evidence proposes.
type Proposal struct {
	Answer int  `json:"answer"`
	Small  bool `json:"small,omitempty"` // few cases
}

// Propose returns the answer that a fact of a kind proposes for an indicator, false if
// it proposes none: only shares and dates do, and of nothing counted nothing follows.
func (m *Model) Propose(x *Indicator, kind evidence.Kind, v Measure) (Proposal, bool) {
	if x.Mode != Measured || v.ID != x.Evidence {
		return Proposal{}, false
	}
	r := m.Rules
	switch {
	case kind == evidence.Flag && v.State == evidence.Known:
		return Proposal{Answer: r.n("flag_fresh")}, true
	case kind == evidence.Flag && v.State == evidence.Stale:
		return Proposal{Answer: r.n("flag_stale")}, true
	case kind == evidence.Flag && v.State == evidence.Absent:
		return Proposal{}, true
	case kind != evidence.Share || v.State != evidence.Known || v.Denominator == 0:
		return Proposal{}, false
	}
	p := Proposal{Small: v.Denominator < r["denominator_small"]}
	switch {
	case v.Value >= r["share_4"]:
		p.Answer = 4
	case v.Value >= r["share_3"]:
		p.Answer = 3
	case v.Value >= r["share_2"]:
		p.Answer = 2
	case v.Value > 0:
		p.Answer = 1
	}
	return p, true
}

// Judge returns whether the facts of a criterion say that it is met, and whether they
// say anything: each must be known, and none be left to a person.
func (s *Stars) Judge(c *Criterion, of map[string]Measure) (met, small, known bool) {
	if len(c.Conditions) == 0 || c.Mode == Declared {
		return false, false, false
	}
	met = true
	for _, x := range c.Conditions {
		v := of[x.Evidence]
		switch x.Test {
		case "share":
			if v.State != evidence.Known {
				return false, false, false
			}
			met = met && v.Value >= x.Least
			small = small || v.Denominator < s.Rules["denominator_small"]
		case "denominator":
			if v.State != evidence.Known && v.State != evidence.NotApplicable {
				return false, false, false
			}
			met = met && v.Denominator >= x.Least
		case "count":
			if v.State != evidence.Known {
				return false, false, false
			}
			met = met && v.Value >= x.Least
		case "fresh":
			if v.State != evidence.Known && v.State != evidence.Stale && v.State != evidence.Absent {
				return false, false, false
			}
			met = met && v.State == evidence.Known
		default:
			return false, false, false
		}
	}
	return met, small, true
}
