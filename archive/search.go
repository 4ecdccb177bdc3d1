package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
)

// A Match is a study that Search found, and why.
type Match struct {
	Study Study
	Why   []Why // one for each word that was typed
}

// A Why says what of a study matched a word that was typed.
type Why struct {
	Typed string // folded
	Field string // name, id, accession, modality, description, referring, study_id or date
	How   How
}

// A How says in which way.
type How string

// The ways, from the closest.
const (
	Whole   How = "whole"   // the same word
	Begins  How = "begins"  // it begins so
	Similar How = "similar" // a letter or two beside
)

// Bounds of a search.
const (
	maxTokens   = 8
	maxPostings = 3_000  // studies looked up by one word; of a more frequent one the latest studies are looked through
	maxLooked   = 10_000 // of them
	maxInside   = 500    // names that have the letters inside that were asked for
	maxSimilar  = 20     // words that are like one that was typed
)

// Search returns the studies that what somebody is typing may mean, the closest and
// then the latest first, at most n. Every word must match something of the study: the
// patient's name in any order with a slip allowed, the beginning of an identifier,
// words of the description or the referring physician, modality, or a date, written
// 2024, 2024-01, 20240131 or 31.01.2024. Whoever may not see identities searches by
// the others alone, and gets studies as from Studies. What arrived is found as soon as
// Run has prepared it, well within a second.
func (a *Archive) Search(ctx context.Context, site string, reach access.Reach, text string, n int) ([]Match, error) {
	tokens := a.tokens(text)
	if len(tokens) == 0 || n <= 0 {
		return nil, nil
	}
	p, err := a.plan(ctx, site, Query{Level: StudyLevel, Reach: reach})
	if err != nil {
		return nil, err
	}
	s := searcher{p: p, tokens: tokens, identity: reach.Identity}
	ids, known, err := s.candidates(ctx)
	if err != nil {
		return nil, err
	}
	if known {
		err = s.among(ctx, ids)
	} else {
		err = s.latest(ctx, n)
	}
	if err == nil && !known && len(s.found) < n {
		err = s.among(ctx, ids)
	}
	if err == nil {
		err = s.unprepared(ctx)
	}
	s.sort()
	return s.found[:min(n, len(s.found))], err
}

// A searcher is one search.
type searcher struct {
	p        *plan
	tokens   []token
	identity bool
	only     string // the field to search in; "" for all
	found    []Match
	seen     map[string]bool
}

// candidates returns the studies that the rarest words lead to, and whether these are
// all. Otherwise every word is frequent, and they are some.
func (s *searcher) candidates(ctx context.Context) (ids []string, known bool, err error) {
	var some map[string]bool
	for _, t := range s.tokens {
		list, complete, err := s.postings(ctx, t)
		if err != nil {
			return nil, false, err
		}
		switch {
		case !complete && !known && len(ids) == 0:
			ids = list
		case complete && !known:
			ids, known, some = list, true, nil
		case complete:
			if some == nil {
				some = map[string]bool{}
			}
			clear(some)
			for _, id := range list {
				some[id] = true
			}
			ids = slices.DeleteFunc(ids, func(id string) bool { return !some[id] })
		}
	}
	return ids, known, nil
}

// postings returns the studies that a word leads to, and whether these are all.
func (s *searcher) postings(ctx context.Context, t token) (ids []string, complete bool, err error) {
	add := func(text string, args ...any) error {
		if len(ids) > maxPostings {
			return nil
		}
		list, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) }, text, args...)
		ids = append(ids, list...)
		return err
	}
	for _, field := range s.fields() {
		err := add(`select study from search_word where site_id = $1 and field = $2 and word >= $3 and word < $4 limit $5`,
			s.p.site, field, t.word, t.word+"\U0010ffff", maxPostings+1)
		if err != nil {
			return nil, false, err
		}
	}
	for _, exact := range t.hashes {
		if err := add(`select study from search_word where site_id = $1 and field in ('n', 'i') and word = $2 limit $3`, s.p.site, exact, maxPostings+1); err != nil {
			return nil, false, err
		}
	}
	for _, d := range t.dates {
		if err := add(`select id from study where site_id = $1 and study_date >= $2 and study_date < $3 order by study_date desc limit $4`,
			s.p.site, d, d+behind, maxPostings+1); err != nil {
			return nil, false, err
		}
	}
	if len(ids) <= maxPostings {
		like, err := s.similar(ctx, t)
		if err != nil {
			return nil, false, err
		}
		for _, w := range like {
			if err := add(`select study from search_word where site_id = $1 and field = $2 and word = $3 limit $4`, s.p.site, w[0], w[1], maxPostings+1); err != nil {
				return nil, false, err
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), len(ids) <= maxPostings, nil
}

// fields returns the fields that may be searched.
func (s *searcher) fields() []string {
	if s.only != "" {
		return []string{s.only}
	}
	if s.identity {
		return []string{wordName, wordID, wordText}
	}
	return []string{wordText}
}

// similar returns words that some study has and that are like a word, as field and
// word: those that share the most runs of three letters with it, or with it when two
// neighbours have changed places.
func (s *searcher) similar(ctx context.Context, t token) ([][2]string, error) {
	if len([]rune(t.word)) < 4 || strings.ContainsAny(t.word, "0123456789") {
		return nil, nil
	}
	w := statement{args: []any{s.p.site}}
	marks := make([]string, 0, 16)
	for _, g := range grams(t.word) {
		marks = append(marks, w.arg(g))
	}
	list, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (x [2]string, err error) {
		var n int64
		return x, r.Scan(&x[0], &x[1], &n)
	}, `select field, word, count(*) from search_gram where site_id = $1 and gram in (`+strings.Join(marks, ", ")+`)
		group by field, word order by count(*) desc, word limit 500`, w.args...)
	list = slices.DeleteFunc(list, func(x [2]string) bool {
		return x[1] == t.word || strings.HasPrefix(x[1], t.word) || !similar(t.word, x[1]) || !slices.Contains(s.fields(), x[0])
	})
	return list[:min(len(list), maxSimilar)], err
}

// containing returns names that have letters inside, more than maxInside if they are too
// many.
func (s *searcher) containing(ctx context.Context, letters string) ([]string, error) {
	w := statement{args: []any{s.p.site}}
	marks := make([]string, 0, 16)
	for i, r := 0, []rune(letters); i+3 <= len(r); i++ {
		if m := string(r[i : i+3]); !slices.Contains(w.args, any(m)) {
			marks = append(marks, w.arg(m))
		}
	}
	list, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (word string, err error) { return word, r.Scan(&word) },
		`select word from search_gram where site_id = $1 and field = 'n' and gram in (`+strings.Join(marks, ", ")+`) group by word having count(*) = `+
			w.arg(len(marks))+` limit 1000`, w.args...)
	return slices.DeleteFunc(list, func(word string) bool { return !strings.Contains(word, letters) }), err
}

// beginning returns the studies that have a word in a name that begins so, and whether
// these are all.
func (s *searcher) beginning(ctx context.Context, begin string) ([]string, bool, error) {
	list, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
		`select study from search_word where site_id = $1 and field = 'n' and word >= $2 and word < $3 limit $4`, s.p.site, begin, begin+"\U0010ffff", maxPostings+1)
	return list, len(list) <= maxPostings, err
}

// exactly returns the studies that have one of some words in a name, and whether these
// are all.
func (s *searcher) exactly(ctx context.Context, words []string) (ids []string, complete bool, err error) {
	for some := range slices.Chunk(words, 100) {
		w := statement{args: []any{s.p.site}}
		marks := make([]string, len(some))
		for i, word := range some {
			marks[i] = w.arg(word)
		}
		list, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
			`select study from search_word where site_id = $1 and field = 'n' and word in (`+strings.Join(marks, ", ")+`) limit `+w.arg(maxPostings+1), w.args...)
		if ids = append(ids, list...); err != nil || len(ids) > maxPostings {
			return nil, false, err
		}
	}
	return ids, true, nil
}

// among looks at studies by their ids.
func (s *searcher) among(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, 400) {
		w := statement{args: slices.Clone(s.p.args)}
		marks := make([]string, len(some))
		for i, id := range some {
			marks[i] = w.arg(id)
		}
		list, err := db.List(ctx, s.p.a.DB, scanStudy, byID(s.from())+" and study.id in ("+strings.Join(marks, ", ")+")", w.args...)
		if err != nil {
			return err
		}
		for _, one := range list {
			s.look(one)
		}
	}
	return nil
}

// unprepared looks at studies whose words are not there yet.
func (s *searcher) unprepared(ctx context.Context) error {
	ids, err := db.List(ctx, s.p.a.DB, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
		`select id from prepare_due where kind = 'study' and site_id = $1 order by id desc limit 200`, s.p.site)
	if err != nil {
		return err
	}
	return s.among(ctx, ids)
}

// latest looks through the latest studies until n are found.
func (s *searcher) latest(ctx context.Context, n int) error {
	var after []any
	for looked := 0; looked < maxLooked && len(s.found) < n; {
		w := statement{args: slices.Clone(s.p.args)}
		text := s.from()
		if after != nil {
			text += " and " + w.after(studyOrder, after)
		}
		list, err := db.List(ctx, s.p.a.DB, scanStudy, text+" order by "+sorted(studyOrder)+" limit 500", w.args...)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, one := range list {
			s.look(one)
		}
		looked += len(list)
		last := list[len(list)-1]
		after = []any{last.Date, last.Time, last.ID}
	}
	return nil
}

// from is the beginning of a statement for studies within reach.
func (s *searcher) from() string {
	return strings.TrimSuffix(fromStudy, " from study ") + " from " + s.p.from + " where " + s.p.where
}

// look takes a study if every word matches.
func (s *searcher) look(one Study) {
	if s.seen[one.ID] {
		return
	}
	why := make([]Why, 0, len(s.tokens))
	for _, t := range s.tokens {
		w, ok := t.in(one, s.identity)
		if !ok {
			return
		}
		why = append(why, w)
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[one.ID] = true
	if !s.identity {
		one.conceal()
	}
	s.found = append(s.found, Match{one, why})
}

// sort puts the closest first, and among equals the latest.
func (s *searcher) sort() {
	slices.SortStableFunc(s.found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.score(), a.score()), cmp.Compare(b.Study.Date, a.Study.Date), cmp.Compare(b.Study.Time, a.Study.Time), cmp.Compare(b.Study.ID, a.Study.ID))
	})
}

// score says how close a match is: only slips count against it, so that what is typed
// further does not turn the list round.
func (m Match) score() (n int) {
	for _, w := range m.Why {
		if w.How != Similar {
			n++
		}
	}
	return n
}
