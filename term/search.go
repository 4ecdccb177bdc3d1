package term

import (
	"cmp"
	"slices"
	"strings"
)

// A Query asks for concepts by words.
type Query struct {
	System   System
	Text     string
	Modality string // of the machine, "" if it may be any: concepts of others are no hits
	Typing   bool   // the last word may only have begun
	Limit    int    // 0: all
}

// A Hit is a concept with what speaks for it.
type Hit struct {
	*Concept
	Score float64  // from above 0 to 1; 1 where all words of both are the same
	Words []string // of the question, folded: those that the concept has
	Of    int      // so many words of the question tell something
}

// modalities are the meanings that are kinds of machine.
var modalities = []string{"ct", "dx", "px", "xa", "mg", "nm"}

// kinOf are modalities that machines and reports do not tell apart: what is called one
// may be an examination of the other.
var kinOf = map[string]string{"rf": "xa", "cr": "dx", "px": "dx", "io": "dx", "pt": "nm"}

// kin returns the modality that stands for a kind of machine.
func kin(modality string) string {
	m := strings.ToLower(modality)
	return cmp.Or(kinOf[m], m)
}

// Search returns the concepts that have words of the question, the closest first, and
// among equally close ones in the order of the content. A concept of another kind of
// machine than the question names is no hit.
func (x *Index) Search(q Query) []Hit {
	asked := x.ask(q)
	var hits []Hit
	for _, c := range x.concepts {
		if c.System != q.System || !asked.fits(c) {
			continue
		}
		h, ok := asked.judge(c)
		if c.sameCode(q.Text) {
			h.Score, ok = 1, true
		}
		if ok {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	return hits
}

// A question is a query that was read.
type question struct {
	units    []unit // that tell something
	modality string // of the machine, or that the words name; "" if neither
	named    bool   // the words name it
}

// ask reads a query.
func (x *Index) ask(q Query) question {
	out := question{modality: kin(q.Modality)}
	for _, u := range x.words.read(Tokens(q.Text), q.Typing) {
		if u.neutral {
			continue
		}
		out.units = append(out.units, u)
		if len(u.options) != 1 {
			continue
		}
		for _, m := range u.options[0] {
			if slices.Contains(modalities, m) {
				out.modality, out.named = cmp.Or(out.modality, m), true
			}
		}
	}
	return out
}

// fits reports whether a concept is of the kind of machine that the question speaks of.
func (q question) fits(c *Concept) bool {
	return q.modality == "" || c.Modality == "" || kin(c.Modality) == kin(q.modality)
}

// judge holds a concept against the question, by the name of it that is closest.
func (q question) judge(c *Concept) (best Hit, ok bool) {
	for _, name := range c.names {
		if h := q.compare(c, name); h.Score > best.Score {
			best, ok = h, true
		}
	}
	if best.Concept == nil {
		best.Concept = c
	}
	return best, ok
}

// compare holds one name of a concept against the question: twice the meanings they
// share for all that both have (Dice). The kind of machine alone makes no hit, unless
// it is all that was asked.
func (q question) compare(c *Concept, name []string) Hit {
	h := Hit{Concept: c, Of: len(q.units)}
	if q.named && c.Modality != "" {
		name = slices.Concat(name, []string{strings.ToLower(c.Modality)})
	}
	has := map[string]bool{}
	for _, m := range name {
		if q.named || !slices.Contains(modalities, m) {
			has[m] = true
		}
	}
	all, shared, telling := 0, map[string]bool{}, false
	for _, u := range q.units {
		found, of := u.in(has)
		all += of
		for _, m := range found {
			shared[m] = true
			telling = telling || !slices.Contains(modalities, m)
		}
		if len(found) > 0 {
			h.Words = append(h.Words, u.text)
		}
	}
	if len(shared) == 0 || !telling && len(h.Words) < len(q.units) {
		return Hit{}
	}
	h.Score = min(1, 2*float64(len(shared))/float64(max(all, len(shared))+len(has)))
	return h
}

// in returns the meanings of a unit that a name has, by the option that has most of
// them, and how many meanings that option has.
func (u unit) in(has map[string]bool) (found []string, of int) {
	of = 1
	for _, o := range u.options {
		var both []string
		for _, m := range o {
			if has[m] {
				both = append(both, m)
			}
		}
		if len(both)*of > len(found)*len(o) || len(found) == 0 && len(both) > 0 {
			found, of = both, len(o)
		}
	}
	if len(found) == 0 && len(u.options) > 0 {
		of = len(u.options[0])
	}
	return found, of
}
