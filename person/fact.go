package person

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A FactKind says what a Fact is about.
type FactKind string

// The kinds of facts, and how their values are written.
const (
	Name      FactKind = "name"       // family^given^middle^prefix^suffix, as in DICOM
	BirthDate FactKind = "birth_date" // 2006-01-02
	Sex       FactKind = "sex"        // M, F or O
	Deceased  FactKind = "deceased"   // yes or no
	Height    FactKind = "height"     // in m
	Weight    FactKind = "weight"     // in kg
	Pregnancy FactKind = "pregnancy"  // no, possible, yes or unknown
)

// A Source is the way by which a fact came.
type Source string

// The sources.
const (
	FromHL7    Source = "hl7"
	FromFHIR   Source = "fhir"
	FromCSV    Source = "csv"
	FromDICOM  Source = "dicom"
	FromPerson Source = "person" // somebody typed it in
)

// Why a fact is kept and not used.
const (
	Impossible = "impossible" // no person has this size
	Untrusted  = "untrusted"  // the site does not use what this origin says of it
)

// A Fact is what was said of a person at some time. It is never changed: what is said
// later stands beside it. Printed or logged it shows no more than its kind.
type Fact struct {
	ID, Site, Key string
	Kind          FactKind
	Value         string    // in the form of its kind; "" withdraws what was said before
	Received      string    // as it came, with its unit
	At            time.Time // when it was so: of a measurement, or of the event that told it
	Last          time.Time // when the same was said last: later than At of what lasts, such as a name
	Noted         time.Time // when it came here
	Source        Source
	Origin        string // of that source: a channel, a peer, an account
	Doubt         string // Impossible or Untrusted; "": none
}

// Format implements fmt.Formatter.
func (f Fact) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "%s [personal]", f.Kind) }

// LogValue implements slog.LogValuer.
func (f Fact) LogValue() slog.Value { return slog.StringValue(string(f.Kind) + " [personal]") }

// Bounds are the sizes that can be, and how long what is known of a body is passed on.
// They are content (set person/plausible).
type Bounds struct {
	HeightMin, HeightMax, ChildHeightMax float64 // m
	WeightMin, WeightMax, ChildWeightMax float64 // kg
	ChildAge                             int     // years below which somebody is a child
	SizeValid, PregnancyValid            time.Duration
	// How long before an examination, and how long after it, sizes are used for it, and
	// how much older than its study a size in a DICOM header is taken for.
	SizeBefore, ChildSizeBefore, SizeAfter, SizeEntered time.Duration
}

// NewBounds reads bounds from the settings of that set.
func NewBounds(settings map[string]float64) (Bounds, error) {
	b := Bounds{ChildAge: int(settings["person.child.age_max"])}
	for key, to := range map[string]*float64{
		"person.height.min": &b.HeightMin, "person.height.max": &b.HeightMax, "person.child.height_max": &b.ChildHeightMax,
		"person.weight.min": &b.WeightMin, "person.weight.max": &b.WeightMax, "person.child.weight_max": &b.ChildWeightMax,
	} {
		n, ok := settings[key]
		if !ok || n <= 0 {
			return b, fault.Errorf(fault.Invalid, "bounds of sizes: %s is missing or not above zero", key)
		}
		*to = n
	}
	for key, to := range map[string]*time.Duration{"person.size.valid": &b.SizeValid, "person.pregnancy.valid": &b.PregnancyValid} {
		n, ok := settings[key]
		if !ok || n < 0 {
			return b, fault.Errorf(fault.Invalid, "%s is missing or below zero", key)
		}
		*to = time.Duration(n*24) * time.Hour
	}
	b.SizeBefore, b.ChildSizeBefore = b.SizeValid, b.SizeValid
	for key, to := range map[string]*time.Duration{
		"person.size.before": &b.SizeBefore, "person.child.size.before": &b.ChildSizeBefore,
		"person.size.after": &b.SizeAfter, "person.size.entered": &b.SizeEntered,
	} {
		if n, ok := settings[key]; ok && n >= 0 { // a set written before there were these has none
			*to = time.Duration(n*24) * time.Hour
		}
	}
	return b, nil
}

// possible reports whether a size can be that of somebody of that age; years is
// negative if the age is unknown.
func (b Bounds) possible(kind FactKind, n float64, years int) bool {
	child := years >= 0 && years < b.ChildAge
	switch {
	case kind == Height && child:
		return n >= b.HeightMin && n <= b.ChildHeightMax
	case kind == Height:
		return n >= b.HeightMin && n <= b.HeightMax
	case child:
		return n >= b.WeightMin && n <= b.ChildWeightMax
	}
	return n >= b.WeightMin && n <= b.WeightMax
}

// maxFact bounds the value of a fact, in bytes.
const maxFact = 400

// Note keeps facts within a transaction and returns those that were new: what is
// there already changes nothing, in whatever order it comes. Sizes that cannot be are
// kept as impossible. It is Invalid for a value that is not in the form of its kind.
func (r *Register) Note(ctx context.Context, tx *db.Tx, facts ...Fact) (fresh []Fact, err error) {
	var said []Fact // again
	for _, f := range facts {
		if r.Nameless && (f.Kind == Name || f.Kind == BirthDate) {
			continue
		}
		if err := f.check(); err != nil {
			return nil, err
		}
		all, err := r.factsOf(ctx, tx, f.Site, []string{f.Key})
		if err != nil {
			return nil, err
		}
		if again, err := r.repeated(ctx, tx, f, all); err != nil || again {
			if err != nil {
				return nil, err
			}
			said = append(said, f)
			continue
		}
		if err := r.doubt(&f, all, facts); err != nil {
			return nil, err
		}
		f.ID, f.Noted, f.Last = cmp.Or(f.ID, db.NewID()), r.Now(), f.At
		n, err := tx.Exec(ctx, `insert into person_fact (fact_id, site_id, person, kind, value, received, at_ms, last_ms, noted_ms, source, origin, doubt)
			values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11) on conflict do nothing`,
			f.ID, f.Site, f.Key, f.Kind, f.Value, f.Received, db.Millis(f.At), db.Millis(f.Noted), f.Source, f.Origin, f.Doubt)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			fresh = append(fresh, f)
		}
	}
	if err := r.fileFacts(ctx, tx, fresh); err != nil {
		return nil, err
	}
	return fresh, r.told(ctx, tx, fresh, said)
}

// told tells whoever wants to know whose facts are new. What was said again is news
// where something else was said meanwhile under another identifier.
func (r *Register) told(ctx context.Context, tx *db.Tx, fresh, again []Fact) error {
	if r.Noted == nil {
		return nil
	}
	var seen []string
	for i, f := range slices.Concat(fresh, again) {
		if slices.Contains(seen, f.Key) {
			continue
		}
		seen = append(seen, f.Key)
		keys, err := r.KeysIn(ctx, tx, f.Site, f.Key)
		if err == nil && (i < len(fresh) || len(keys) > 1) {
			err = r.Noted(ctx, tx, f.Site, keys)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// repeated reports whether a fact that lasts says what was said before it, and notes
// when it was said last. all are the facts of the key.
func (*Register) repeated(ctx context.Context, tx *db.Tx, f Fact, all []Fact) (bool, error) {
	if slices.Contains([]FactKind{Height, Weight, Pregnancy}, f.Kind) {
		return false, nil
	}
	until := func(c Fact) time.Time { // when it was said last, as far as was known then
		if c.Last.After(f.At) {
			return f.At
		}
		return c.Last
	}
	var before Fact // what held then
	for _, c := range all {
		if c.Kind != f.Kind || c.Doubt != "" || c.At.After(f.At) {
			continue
		}
		if before.ID == "" || cmp.Or(until(c).Compare(until(before)), c.At.Compare(before.At)) > 0 {
			before = c
		}
	}
	if before.ID == "" || before.Value != f.Value {
		return false, nil
	}
	if !f.At.After(before.Last) {
		return true, nil
	}
	_, err := tx.Exec(ctx, `update person_fact set last_ms = $2 where fact_id = $1`, before.ID, db.Millis(f.At))
	return true, err
}

// doubt flags a size that cannot be, for the age that the facts beside it or those
// known before give.
func (r *Register) doubt(f *Fact, known, beside []Fact) error {
	if f.Kind != Height && f.Kind != Weight || f.Value == "" || f.Doubt != "" {
		return nil
	}
	n, err := strconv.ParseFloat(f.Value, 64)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	born := ""
	if i := slices.IndexFunc(beside, func(o Fact) bool { return o.Kind == BirthDate && o.Key == f.Key }); i >= 0 {
		born = beside[i].Value
	} else if k, ok := latest(known, BirthDate, time.Time{}); ok {
		born = k.Value
	}
	if !r.Bounds.possible(f.Kind, n, yearsAt(born, f.At)) {
		f.Doubt = Impossible
	}
	return nil
}

// yearsAt returns the age at a time of somebody born on a day, -1 if it is unknown.
func yearsAt(born string, at time.Time) int {
	b, err := time.Parse(time.DateOnly, born)
	if err != nil || at.Before(b) {
		return -1
	}
	years := at.Year() - b.Year()
	if at.YearDay() < time.Date(at.Year(), b.Month(), b.Day(), 0, 0, 0, 0, time.UTC).YearDay() {
		years--
	}
	return years
}

// check reports what is wrong with a fact. The error does not show its value.
func (f Fact) check() error {
	ok := false
	switch f.Kind {
	case Name:
		ok = true
	case BirthDate:
		_, err := time.Parse(time.DateOnly, f.Value)
		ok = err == nil
	case Sex:
		ok = slices.Contains([]string{"M", "F", "O"}, f.Value)
	case Deceased:
		ok = slices.Contains([]string{"yes", "no"}, f.Value)
	case Height, Weight:
		n, err := strconv.ParseFloat(f.Value, 64)
		ok = err == nil && n > 0 && n < 1e6
	case Pregnancy:
		ok = slices.Contains([]string{"no", "possible", "yes", "unknown"}, f.Value)
	default:
		return fault.Errorf(fault.Invalid, "a fact of a person has no kind %q", f.Kind)
	}
	switch {
	case f.Site == "" || f.Key == "" || f.At.IsZero() || f.Source == "":
		return fault.Errorf(fault.Invalid, "%s: site, person, time and source are needed", f.Kind)
	case len(f.Value) > maxFact || len(f.Received) > maxFact:
		return fault.Errorf(fault.Invalid, "%s: longer than %d bytes", f.Kind, maxFact)
	case !ok && f.Value != "":
		return fault.Errorf(fault.Invalid, "%s: the value is not in the form of its kind", f.Kind)
	}
	return nil
}

// Known returns what holds of a person, told under any of their identifiers: of each
// kind the newest fact that is not in doubt. With a time it is what held then: the
// newest not after it, or else the first behind it. A DICOM header that repeats what
// was said before it does not make that younger. Nothing is returned of a kind that
// was withdrawn last.
func (r *Register) Known(ctx context.Context, q db.Querier, site, key string, at time.Time) (map[FactKind]Fact, error) {
	keys, err := r.KeysIn(ctx, q, site, key)
	if err != nil {
		return nil, err
	}
	all, err := r.factsOf(ctx, q, site, keys)
	if err != nil {
		return nil, err
	}
	known := map[FactKind]Fact{}
	for _, f := range all {
		if _, had := known[f.Kind]; had {
			continue
		}
		if k, ok := latest(all, f.Kind, at); ok {
			known[f.Kind] = k
		}
	}
	return known, nil
}

// History returns all that was said of a person under any of their identifiers, the
// newest first, what is in doubt included.
func (r *Register) History(ctx context.Context, site, key string) ([]Fact, error) {
	keys, err := r.Keys(ctx, site, key)
	if err != nil {
		return nil, err
	}
	return r.factsOf(ctx, r.DB, site, keys)
}

// latest returns the fact of a kind that holds at a time; all is the newest first.
func latest(all []Fact, kind FactKind, at time.Time) (f Fact, ok bool) {
	for i, c := range all {
		if c.Kind != kind || c.Doubt != "" || c.Source == FromDICOM && slices.ContainsFunc(all[i:], func(s Fact) bool { return s.Doubt == "" && s.repeatedBy(c) }) {
			continue
		}
		f, ok = c, true
		if at.IsZero() || !c.At.After(at) {
			break
		}
	}
	return f, ok && f.Value != ""
}

const fromFact = `select fact_id, site_id, person, kind, value, received, at_ms, last_ms, noted_ms, source, origin, doubt from person_fact `

// factsOf returns the facts of some keys, the newest first; of the same time, what was
// noted last.
func (*Register) factsOf(ctx context.Context, q db.Querier, site string, keys []string) ([]Fact, error) {
	var all []Fact
	for _, key := range keys {
		list, err := db.List(ctx, q, scanFact, fromFact+`where site_id = $1 and person = $2`, site, key)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b Fact) int {
		return cmp.Or(b.Last.Compare(a.Last), b.At.Compare(a.At), b.Noted.Compare(a.Noted), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

func scanFact(r *db.Rows) (f Fact, err error) {
	var at, last, noted int64
	err = r.Scan(&f.ID, &f.Site, &f.Key, &f.Kind, &f.Value, &f.Received, &at, &last, &noted, &f.Source, &f.Origin, &f.Doubt)
	f.At, f.Last, f.Noted = db.FromMillis(at), db.FromMillis(last), db.FromMillis(noted)
	return f, err
}
