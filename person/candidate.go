package person

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// A Face is how studies name a person. Printed or logged it shows nothing.
type Face struct {
	Key       string
	Name      string // folded: lower case, without accents, components apart by ^
	BirthDate string // YYYYMMDD
	Sex       string
}

// Format implements fmt.Formatter.
func (Face) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[personal]") }

// LogValue implements slog.LogValuer.
func (Face) LogValue() slog.Value { return slog.StringValue("[personal]") }

// Faces tells how persons are named. The archive does, on demand.
type Faces interface {
	// Of returns how a person is named, in each of the ways.
	Of(ctx context.Context, site, key string) ([]Face, error)
	// BornOn returns everybody born on a day, YYYYMMDD.
	BornOn(ctx context.Context, site, day string) ([]Face, error)
	// Days returns days behind after on which more than one person was born, in order.
	Days(ctx context.Context, site, after string, limit int) ([]string, error)
}

// A Candidate is a pair of identifiers that may mean the same person: born on the
// same day, with similar names. Somebody decides.
type Candidate struct {
	A, B  string
	Score float64  // 1 is the same name; nothing below likely is proposed
	Why   []string // name, similar_name, identifier, sex_differs
}

// String shows no identifier.
func (c Candidate) String() string { return fmt.Sprintf("candidate %.2f %v", c.Score, c.Why) }

// What makes a Candidate likely.
const (
	WhyName       = "name"         // the same words in any order
	WhySimilar    = "similar_name" // few letters differ
	WhyIdentifier = "identifier"   // the same identifier under two issuers
	WhySex        = "sex_differs"

	likely     = 0.8
	sexPenalty = 0.15
	idBonus    = 0.1
	mostFaces  = 500 // of one day that are compared with each other
)

// Candidates returns who may be the same as a person, the likeliest first. Who is
// linked already, or was found to be somebody else, is left out.
func (r *Register) Candidates(ctx context.Context, site, key string) ([]Candidate, error) {
	if r.Faces == nil {
		return nil, nil
	}
	own, err := r.Faces.Of(ctx, site, key)
	if err != nil {
		return nil, err
	}
	best := map[string]Candidate{}
	days := map[string]bool{}
	for _, f := range own {
		if f.BirthDate == "" || days[f.BirthDate] {
			continue
		}
		days[f.BirthDate] = true
		others, err := r.Faces.BornOn(ctx, site, f.BirthDate)
		if err != nil {
			return nil, err
		}
		for _, mine := range own {
			for _, o := range others {
				if o.Key != key && mine.BirthDate == o.BirthDate {
					better(best, o.Key, compare(mine, o))
				}
			}
		}
	}
	return r.undecided(ctx, site, best)
}

// better keeps the best of several candidates.
func better(best map[string]Candidate, at string, c Candidate) {
	if c.Score >= likely && c.Score > best[at].Score {
		best[at] = c
	}
}

// Duplicates returns candidates of a whole site, by day of birth, from the day
// behind after on, until there are at least limit of them. next is the day to go on
// behind, "" at the end.
func (r *Register) Duplicates(ctx context.Context, site, after string, limit int) (all []Candidate, next string, err error) {
	if r.Faces == nil {
		return nil, "", nil
	}
	for {
		days, err := r.Faces.Days(ctx, site, after, 100)
		if err != nil || len(days) == 0 {
			return all, "", err
		}
		for _, day := range days {
			after = day
			found, err := r.ofDay(ctx, site, day)
			if err != nil {
				return nil, "", err
			}
			if all = append(all, found...); len(all) >= limit {
				return all, after, nil
			}
		}
	}
}

// ofDay compares everybody born on a day.
func (r *Register) ofDay(ctx context.Context, site, day string) ([]Candidate, error) {
	faces, err := r.Faces.BornOn(ctx, site, day)
	if err != nil {
		return nil, err
	}
	faces = faces[:min(len(faces), mostFaces)]
	best := map[string]Candidate{}
	for i, a := range faces {
		for _, b := range faces[i+1:] {
			if a.Key == b.Key {
				continue
			}
			if a.Key > b.Key {
				better(best, b.Key+"\x00"+a.Key, compare(b, a))
			} else {
				better(best, a.Key+"\x00"+b.Key, compare(a, b))
			}
		}
	}
	return r.undecided(ctx, site, best)
}

// undecided leaves the candidates about which nobody decided, the likeliest first.
func (r *Register) undecided(ctx context.Context, site string, best map[string]Candidate) ([]Candidate, error) {
	var all []Candidate
	for _, c := range best {
		keys, err := r.Keys(ctx, site, c.A)
		if err != nil {
			return nil, err
		}
		if slices.Contains(keys, c.B) {
			continue
		}
		var apart int
		err = r.DB.QueryRow(ctx, `select count(*) from person_link where `+ofPerson+`
			and kind = 'distinct' and ended_at = 0 and $3 in (a, b)`, site, c.A, c.B).Scan(&apart)
		if err != nil {
			return nil, err
		}
		if apart == 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.A, b.A), strings.Compare(a.B, b.B))
	})
	return all, nil
}

// compare says how likely two faces of the same birth date are one person's.
func compare(a, b Face) Candidate {
	c := Candidate{A: a.Key, B: b.Key, Score: similar(a.Name, b.Name)}
	switch {
	case c.Score == 1:
		c.Why = append(c.Why, WhyName)
	case c.Score >= likely:
		c.Why = append(c.Why, WhySimilar)
	}
	if identifier(a.Key) == identifier(b.Key) {
		c.Score = min(1, c.Score+idBonus)
		c.Why = append(c.Why, WhyIdentifier)
	}
	if a.Sex != "" && b.Sex != "" && a.Sex != b.Sex {
		c.Score -= sexPenalty
		c.Why = append(c.Why, WhySex)
	}
	return c
}

// identifier returns a key without its issuer.
func identifier(key string) string {
	_, id, _ := strings.Cut(key, "|")
	return id
}

// similar compares two folded names, from 0 to 1: each word of the shorter with the
// word of the other that is nearest, whatever the order, weighted by length. A name
// of one word says too little beside one of several.
func similar(a, b string) float64 {
	x, y := words(a), words(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) == 0 || len(x) == 1 && len(y) > 1 {
		return 0
	}
	sum, letters := 0.0, 0
	free := slices.Clone(y)
	for _, w := range x {
		at, near := -1, -1.0
		for i, v := range free {
			if s := nearness(w, v); s > near {
				at, near = i, s
			}
		}
		free = slices.Delete(free, at, at+1)
		n := len([]rune(w))
		sum, letters = sum+near*float64(n), letters+n
	}
	score := sum / float64(letters)
	if len(free) > 0 { // a second given name that only one of them has
		score = min(score, 1) - 0.05
	}
	return score
}

// words returns the words of a name.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("^ -=.,'", r) })
}

// nearness is how much of two words agrees: 1 less the edits in relation to the
// longer one.
func nearness(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) < len(y) {
		x, y = y, x
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before := row[0]
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, before+cost)
		}
	}
	return 1 - float64(row[len(y)])/float64(len(x))
}
