package archive

import (
	"context"
	"iter"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// A Level is a level of the query/retrieve information models (PS3.4 C.3).
type Level string

// The levels, from the highest to the lowest.
const (
	PatientLevel Level = "PATIENT"
	StudyLevel   Level = "STUDY"
	SeriesLevel  Level = "SERIES"
	ImageLevel   Level = "IMAGE"
)

// ranks orders the levels.
var ranks = map[Level]int{PatientLevel: 0, StudyLevel: 1, SeriesLevel: 2, ImageLevel: 3}

// A Query asks for patients, studies, series or instances by their attributes.
//
// Keys are those of PS3.4 C.2.2.2, of any level: a value asks, an empty one has the
// attribute returned. Of lower levels than Level, one series or instance must match
// all of them. Several values of a key are alternatives, also where the VR is not UI;
// "" between quotation marks asks for what is empty. Names match without regard to
// case and accents, and a key without = matches any of their groups.
//
// What the index has is matched there (see docs/format/archive.md). Of a study whose
// instances do not agree about patient, accession number or day, series and instances
// match by what they say themselves. Other keys are
// matched at IMAGE against the header of each instance; above it against that of
// the first instance of each series, of which one must match. Private keys are
// returned if the header has them, and matched like others.
type Query struct {
	Level Level
	Reach access.Reach   // of whoever asks: the zero Reach finds nothing
	Keys  *dicom.Dataset // nil asks nothing

	All      bool // every attribute that the index or the prepared metadata have
	Fuzzy    bool // names by words in any order, and a letter or two beside
	DateTime bool // ranges of a date and of its time are one range (PS3.4 C.2.2.2.5)

	// Timezone, if set, has Timezone Offset From UTC (0008,0201) among Keys say in which
	// offset keys and answers speak of dates and times (PS3.4 C.2.2.2.1.3); it is the zone
	// of objects that say none. If nil, the offset is a key like others.
	Timezone *time.Location

	// Shown, if set, hears of the person of each row before Find yields it, by the key in
	// study.person, "" if there is none. Its error ends the search.
	Shown func(person string) error

	Offset int // how many are passed over
	Limit  int // at most so many; 0 is no limit
}

// Find yields what q asks for, a data set each: what was asked for, and the UIDs of the
// level and of those above. What nobody knows of it is an empty element.
// Retrieve AE Title, Retrieve URL, Query/Retrieve Level and Instance Availability are
// for the door. Studies come with the latest first, then series and instances by
// number; patients by ID.
//
// Nothing is held while the caller works, and what is stored meanwhile neither repeats
// nor hides a row. Persons whose data are restricted are left out, and whoever may not
// see identities gets rows without, of prepared metadata no more than what describes
// pixels and geometry. Errors, always last: Invalid with the tag named for a key that
// cannot be; Forbidden for a key of identity from whoever may not see them.
func (a *Archive) Find(ctx context.Context, site string, q Query) iter.Seq2[*dicom.Dataset, error] {
	return func(yield func(*dicom.Dataset, error) bool) {
		p, err := a.plan(ctx, site, q)
		if err != nil {
			yield(nil, err)
			return
		}
		for r, err := range p.rows(ctx) {
			var d *dicom.Dataset
			if err == nil && q.Shown != nil {
				err = q.Shown(r.text("study.person"))
			}
			if err == nil {
				d, err = p.answer(ctx, r)
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Count returns how many rows Find would yield without Offset and Limit. It is one
// question to the database wherever the index alone can answer.
func (a *Archive) Count(ctx context.Context, site string, q Query) (int64, error) {
	q.Offset, q.Limit = 0, 0
	p, err := a.plan(ctx, site, q)
	if err != nil {
		return 0, err
	}
	if p.decided() {
		return p.count(ctx)
	}
	n := int64(0)
	for _, err := range p.rows(ctx) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Select yields the instances below what q names, whatever its level: those of the
// patients, studies or series that match, or the instances themselves. Offset and
// Limit count instances. It is what C-MOVE, C-GET and WADO-RS send; errors are those
// of Find.
func (a *Archive) Select(ctx context.Context, site string, q Query) iter.Seq2[Instance, error] {
	q.Level = ImageLevel
	return func(yield func(Instance, error) bool) {
		p, err := a.plan(ctx, site, q)
		if err != nil {
			yield(Instance{}, err)
			return
		}
		for r, err := range p.rows(ctx) {
			var i Instance
			if err == nil {
				i, err = p.instance(r)
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// A plan is a Query made ready for the database.
type plan struct {
	a    *Archive
	site string
	q    Query
	rank int
	keys []key

	from, where string // of the statement
	args        []any
	few         bool           // the conditions leave few rows, found by an index
	asked       int            // the lowest level of which the statement asks something
	exprs       []string       // what it returns
	at          map[string]int // where among them

	left    []residual // what the statement cannot decide, of columns
	unsure  bool       // there is something of that sort below the level
	below   *plan      // decides it, for one row
	passing bool       // this is such a plan: where its pages end is not remembered
	headers []key      // what is matched against prepared metadata
	answers []key      // what is returned
	beyonds []key      // of these, what only headers have
	zone    *zone      // nil: dates are as they stand
	varied  bool       // there are studies of which series are matched by what they say themselves
	owning  []key      // by which they are
	shelf   shelf
}

// looks reports whether prepared metadata are needed to match.
func (p *plan) looks() bool { return len(p.headers) > 0 }

// decided reports whether the statement alone decides which rows match.
func (p *plan) decided() bool {
	return len(p.left)+len(p.owning) == 0 && p.below == nil && !p.looks()
}

// plan parses the keys and makes the statement.
func (a *Archive) plan(ctx context.Context, site string, q Query) (*plan, error) {
	rank, ok := ranks[q.Level]
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "%v: no level of the information model (PS3.4 C.3)", tag.QueryRetrieveLevel)
	}
	if q.Offset < 0 || q.Limit < 0 {
		return nil, fault.Errorf(fault.Invalid, "a negative offset or limit")
	}
	keys, err := parseKeys(q.Keys)
	if err != nil {
		return nil, err
	}
	p := &plan{a: a, site: site, q: q, rank: rank, keys: keys, asked: -1}
	if err := p.adjust(); err != nil {
		return nil, err
	}
	return p, p.compile(ctx)
}

// compile makes the statement out of the keys.
func (p *plan) compile(ctx context.Context) error {
	w := statement{args: []any{p.site}}
	p.from = w.sources(p)
	w.and(`study.site_id = $1`)
	if err := p.restricted(ctx, &w); err != nil {
		return err
	}
	if err := p.vary(ctx); err != nil {
		return err
	}
	for _, k := range p.combined() {
		if err := p.key(ctx, &w, k); err != nil {
			return err
		}
	}
	if err := p.narrow(ctx, &w); err != nil {
		return err
	}
	w.ownly()
	w.lower(p)
	p.where, p.args = strings.Join(w.conditions, " and "), w.args
	if w.byID {
		p.where = byID(p.where)
	}
	if p.unsure {
		return p.deeper(ctx)
	}
	return nil
}

// byID returns conditions for studies that are found by their ids: the index of sites
// must not tempt the database to go through all of one instead.
func byID(where string) string {
	return strings.Replace(where, "study.site_id = $1", "study.site_id || '' = $1", 1)
}

// deeper makes the plan that looks below a row for what must exist there.
func (p *plan) deeper(ctx context.Context) error {
	b := &plan{a: p.a, site: p.site, q: p.q, rank: max(p.asked, 1), zone: p.zone, passing: true}
	b.q.Reach, b.q.Offset, b.q.Limit = access.Reach{All: true, Identity: true}, 0, 1
	for _, k := range p.keys {
		r, ok := columned[k.tag]
		switch {
		case !k.asks():
		case k.tag == tag.RequestAttributesSequence && inColumns(k), ok && (p.rank == 0 || r.rank > p.rank):
			b.keys = append(b.keys, k)
		}
	}
	p.below = b
	return b.compile(ctx)
}

// restricted leaves out persons whose data are restricted. Usually there are none.
func (p *plan) restricted(ctx context.Context, w *statement) error {
	var n int64
	err := p.a.DB.QueryRow(ctx, `select count(*) from (select 1 from access_wish where site_id = $1 and wish = $2 and until = 0 limit 1) as w`,
		p.site, string(access.Restricted)).Scan(&n)
	if err == nil && n > 0 {
		w.and(`not exists (select 1 from study_person where study_person.study = study.id and ` +
			access.Wished("study_person.site_id", "study_person.person", access.Restricted) + `)`)
	}
	return err
}
