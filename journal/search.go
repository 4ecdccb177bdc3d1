package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A search reads the entries with low < seq < high that match, a window of
// numbers at a time. The window grows where little is found, so that neither a
// rare kind nor a dense stretch makes a long query.
//
// Whatever the filter, each query walks indexes in the order of numbers: of the
// person, of the subject, of the account and each kind, or of each kind, whichever
// has the fewest entries; or of the numbers themselves. A span of time becomes a
// span of numbers first.
type search struct {
	j         *Journal
	condition        // what is not walked along
	along     []term // an index is walked for each of these; none means along the numbers
	low, high int64
	window    int64
	widest    int64 // the window stays so wide; 0 means that it grows
	limit     int
	newest    bool
}

// The windows and pages of a search.
const (
	firstWindow = 4096
	lastWindow  = 1 << 20
	pageSize    = 500
)

// A term is a condition on entries; each %s stands for an argument.
type term struct {
	text string
	args []any
}

// A condition is terms that all hold, with their arguments from the fourth on.
type condition struct {
	where string
	args  []any
}

func (c *condition) and(t term) {
	places := make([]any, len(t.args))
	for i := range t.args {
		places[i] = fmt.Sprintf("$%d", len(c.args)+i+4)
	}
	c.args = append(c.args, t.args...)
	c.where += " and " + fmt.Sprintf(t.text, places...)
}

func (j *Journal) search(ctx context.Context, f Filter) (*search, error) {
	if f.Person != "" && f.Site == "" {
		return nil, fault.Errorf(fault.Invalid, "a person is known by site, and none is named")
	}
	s := &search{j: j, window: firstWindow, limit: pageSize, newest: f.Newest}
	if f.Limit > 0 {
		s.limit = min(s.limit, f.Limit)
	}
	if err := s.bounds(ctx, f); err != nil || s.high-s.low <= 1 {
		s.low = s.high
		return s, err
	}
	routes, err := s.routes(ctx, f)
	if err != nil {
		return nil, err
	}
	best, err := s.shortest(ctx, routes)
	if err != nil {
		return nil, err
	}
	for i, r := range routes {
		if i == best {
			s.along = r.along
		} else {
			s.and(r.other)
		}
	}
	few := f.Site == "" || f.Person != "" && best == 0 // somebody's entries are of their site, but for old ones
	if best >= 0 && s.where == "" && !f.Personal && few {
		s.window = s.high - s.low // every entry on the way is wanted
		s.widest = s.window
	}
	s.rest(f)
	return s, nil
}

// bounds sets low and high.
func (s *search) bounds(ctx context.Context, f Filter) error {
	head, err := s.j.head(ctx)
	if err != nil {
		return err
	}
	dropped, err := s.j.dropped(ctx)
	if err != nil {
		return err
	}
	low, high, err := s.j.span(ctx, f.From, f.Until)
	if err != nil {
		return err
	}
	s.low, s.high = max(f.After, dropped, low), min(head+1, high)
	if f.Before > 0 {
		s.high = min(s.high, f.Before)
	}
	return checkKinds(f.Kinds)
}

// rest adds the conditions that no index is for.
func (s *search) rest(f Filter) {
	if f.Personal {
		s.and(term{"person_key_id || '' <> %s", []any{""}})
	}
	if f.Site != "" {
		s.and(term{"site_id = %s", []any{f.Site}})
	}
	if !f.From.IsZero() {
		s.and(term{"at_ms >= %s", []any{f.From.UnixMilli()}})
	}
	if !f.Until.IsZero() {
		s.and(term{"at_ms < %s", []any{f.Until.UnixMilli()}})
	}
}

// A route is a way to the entries that have one thing in common.
type route struct {
	along []term // each walks an index; together they are it
	other term   // the same without an index: a sum of texts keeps it from being walked
}

// routes returns the ways to what f asks for, the most telling first.
func (s *search) routes(ctx context.Context, f Filter) ([]route, error) {
	var all []route
	if f.Person != "" {
		key, err := s.j.PersonKey(ctx, f.Site, f.Person)
		if fault.Of(err) == fault.NotFound {
			key, err = "-", nil // nobody's
		}
		if err != nil {
			return nil, err
		}
		if all, err = s.about(ctx, all, key); err != nil {
			return nil, err
		}
	}
	if f.PersonKey != "" {
		var err error
		if all, err = s.about(ctx, all, f.PersonKey); err != nil {
			return nil, err
		}
	}
	if f.Subject != "" {
		all = append(all, one("subject <> '' and subject = %s", "subject", f.Subject))
	}
	if f.Actor == "" && len(f.Kinds) == 0 {
		return all, nil
	}
	r, err := s.acts(ctx, f)
	return append(all, r), err
}

// about appends the way to what is about somebody: under the key that stands for them,
// and under the one that did before.
func (s *search) about(ctx context.Context, all []route, key string) ([]route, error) {
	r := one("person_key_id <> '' and person_key_id = %s", "person_key_id", key)
	older, err := s.j.olderKey(ctx, key)
	if err == nil && older != "" {
		r.along = append(r.along, term{r.along[0].text, []any{older}})
		r.other = term{"person_key_id || '' in (%s, %s)", []any{key, older}}
	}
	return append(all, r), err
}

func one(along, column string, value any) route {
	return route{along: []term{{along, []any{value}}}, other: term{column + " || '' = %s", []any{value}}}
}

// mostKinds is along how many kinds one query walks at most.
const mostKinds = 120

// acts is the way to what an account did, or to what is of some kinds, or to both.
func (s *search) acts(ctx context.Context, f Filter) (route, error) {
	var r route
	kinds, err := s.kinds(ctx, f)
	if err != nil {
		return r, err
	}
	var also condition
	if f.Actor != "" {
		also.and(term{"actor || '' = %s", []any{f.Actor}})
		r.other = term{"actor || '' = %s", []any{f.Actor}}
	}
	in := term{text: "kind || '' in (%s" + strings.Repeat(", %s", len(kinds)-1) + ")"}
	for _, k := range kinds {
		in.args = append(in.args, k)
		t := term{"kind <> '' and kind = %s", []any{k}}
		if f.Actor != "" {
			t = term{"actor = %s and kind = %s", []any{f.Actor, k}}
		}
		r.along = append(r.along, t)
	}
	if len(f.Kinds) > 0 {
		if r.other.text != "" {
			r.other.text += " and "
		}
		r.other = term{r.other.text + in.text, append(r.other.args, in.args...)}
	}
	if len(kinds) > mostKinds {
		r.along = []term{r.other}
	}
	return r, nil
}

// kinds returns the kinds that f asks for: room.* stands for those that occur, and
// no kind for all that the account has.
func (s *search) kinds(ctx context.Context, f Filter) ([]string, error) {
	var all, known []string
	var err error
	if f.Actor != "" && len(f.Kinds) == 0 {
		all, err = s.j.kinds(ctx, "actor = $1", f.Actor)
	}
	for _, k := range f.Kinds {
		begin, every := strings.CutSuffix(k, "*")
		if !every {
			all = append(all, k)
			continue
		}
		if known == nil && err == nil {
			known, err = s.j.Kinds(ctx)
		}
		for _, have := range known {
			if strings.HasPrefix(have, begin) {
				all = append(all, have)
			}
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		all = []string{"-"} // none of them occurs
	}
	return all, err
}

// Kinds returns the kinds that occur among sealed entries, in order.
func (j *Journal) Kinds(ctx context.Context) ([]string, error) { return j.kinds(ctx, "kind <> ''") }

// kinds goes from each kind to the next along an index.
func (j *Journal) kinds(ctx context.Context, of string, args ...any) ([]string, error) {
	return db.List(ctx, j.db, func(r *db.Rows) (kind string, err error) { return kind, r.Scan(&kind) },
		`with recursive step (kind) as (
			select (select min(kind) from journal_entry where `+of+` and seq is not null)
			union all
			select (select min(e.kind) from journal_entry e where `+of+` and e.seq is not null and e.kind > step.kind) from step where step.kind is not null)
		select kind from step where kind is not null order by kind`, args...)
}

// probes are up to how many entries are counted to learn which way is shortest.
var probes = []int64{500, 5_000}

// shortest returns which of the ways has the fewest entries, as far as that is soon
// known, else the first; -1 if there is none.
func (s *search) shortest(ctx context.Context, routes []route) (int, error) {
	switch len(routes) {
	case 0:
		return -1, nil
	case 1:
		return 0, nil
	}
	for _, most := range probes {
		best, fewest := -1, most
		for i, r := range routes {
			n, err := s.count(ctx, r, most)
			if err != nil {
				return -1, err
			}
			if n < fewest {
				best, fewest = i, n
			}
		}
		if best >= 0 {
			return best, nil
		}
	}
	return 0, nil
}

// count counts the entries along a way between low and high, at most most.
func (s *search) count(ctx context.Context, r route, most int64) (total int64, err error) {
	for _, t := range r.along {
		var c condition
		var n int64
		c.and(t)
		args := append([]any{s.low, s.high, most - total}, c.args...)
		err = s.j.db.QueryRow(ctx, "select count(*) from (select 1 as found from journal_entry where seq > $1 and seq < $2"+c.where+" limit $3) as probe", args...).Scan(&n)
		if total += n; err != nil || total >= most {
			break
		}
	}
	return total, err
}

// anyOf adds the condition for kinds without an index of theirs: for somebody who
// reads on and does not search.
func (s *search) anyOf(kinds []string) {
	if len(kinds) == 0 {
		return
	}
	either, args := make([]string, len(kinds)), make([]any, len(kinds))
	for i, k := range kinds {
		either[i], args[i] = "kind <> '' and kind = %s", k
		if begin, all := strings.CutSuffix(k, "*"); all {
			either[i], args[i] = "kind like %s", begin+"%"
		}
	}
	s.and(term{"(" + strings.Join(either, " or ") + ")", args})
}

// checkKinds refuses what no kind can match, and what would match by accident.
func checkKinds(kinds []string) error {
	for _, k := range kinds {
		begin, all := strings.CutSuffix(k, ".*")
		if all {
			begin += ".x"
		}
		if !kindRule.MatchString(begin) {
			return fault.Errorf(fault.Invalid, "kind %.40q is neither of the form room.noun.verb nor room.*", k)
		}
	}
	return nil
}

// page returns the next entries and moves low or high past them. It may find none
// and not be at the end.
func (s *search) page(ctx context.Context) ([]Entry, error) {
	from, to, order := s.low, min(s.low+s.window+1, s.high), "seq"
	if s.newest {
		from, to, order = max(s.low, s.high-s.window-1), s.high, "seq desc"
	}
	page, err := s.read(ctx, from, to, order)
	if err != nil {
		return nil, err
	}
	full := len(page) == s.limit
	switch {
	case full && s.newest:
		s.high = page[len(page)-1].Seq
	case full:
		s.low = page[len(page)-1].Seq
	case s.newest:
		s.high = from + 1
	default:
		s.low = to - 1
	}
	switch {
	case s.widest != 0:
	case full:
		s.window = firstWindow
	default:
		s.window = min(s.window*4, lastWindow)
	}
	if s.high-s.low == 1 {
		s.low = s.high // no number lies between
	}
	return page, nil
}

// read returns the first entries in a window. Along several indexes it takes the
// first numbers of each, and then the entries of the first of all.
func (s *search) read(ctx context.Context, from, to int64, order string) ([]Entry, error) {
	c := condition{s.where, slices.Clone(s.args)}
	window := []any{from, to, s.limit}
	if len(s.along) <= 1 {
		for _, t := range s.along {
			c.and(t)
		}
		return s.j.load(ctx, "seq > $1 and seq < $2"+c.where+" order by "+order+" limit $3", append(window, c.args...)...)
	}
	var branches []string
	for i, t := range s.along {
		b := condition{s.where, c.args} // the arguments grow, the condition is for each
		b.and(t)
		c.args = b.args
		branches = append(branches, fmt.Sprintf("select seq from (select seq from journal_entry where seq > $1 and seq < $2%s order by %s limit $3) as b%d", b.where, order, i))
	}
	seqs, err := db.List(ctx, s.j.db, func(r *db.Rows) (seq int64, err error) { return seq, r.Scan(&seq) },
		strings.Join(branches, " union all ")+" order by "+order+" limit $3", append(window, c.args...)...)
	if err != nil || len(seqs) == 0 {
		return nil, err
	}
	places, args := make([]string, len(seqs)), make([]any, len(seqs))
	for i, seq := range seqs {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), seq
	}
	return s.j.load(ctx, "seq in ("+strings.Join(places, ", ")+") order by "+order, args...)
}
