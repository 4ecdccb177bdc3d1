package trail

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/journal"
)

// What was done with somebody's data, as Look.Did.
const (
	Saw       = "saw"       // looked at it
	Searched  = "searched"  // a search found it
	Stored    = "stored"    // it was received or made
	Changed   = "changed"   // it was changed, hidden or moved
	Passed    = "passed"    // it left: a file, another system
	Emergency = "emergency" // break-glass
	Erased    = "erased"
)

// A Look is somebody who did something with the data of one person: who, when, what
// and what for (Regulation (EU) 2025/327 Article 9).
type Look struct {
	First, Last time.Time
	Actor       string   // account, or "ae:TITLE" for a machine
	Roles       []string // in which they did it, as far as they were noted
	Did         string   // one of the words above
	Kind        string   // kind of the entry
	Study       string   // Study Instance UID, "" if it is about more
	Purpose     string   // HL7 v3 purpose of use, "" if it was not noted
	Door        string   // page, api, dimse, command
	To          string   // where it went, for Passed
	Count       int      // how often
	Refused     bool     // tried, and not allowed
	Site        string
	Seq         int64 // the first entry
}

// Finder is what Looks needs of a journal.
type Finder interface {
	Find(ctx context.Context, f journal.Filter) iter.Seq2[journal.Entry, error]
}

// together is how close two looks of one sort are one.
const together = 30 * time.Minute

// maxLooks bounds an answer.
const maxLooks = 10_000

// Looks returns who did what with the data of a person, newest first. It reads the
// entries about them: reads, which are gathered by minute, searches, exports,
// break-glass, storage and changes. What one actor did in the same way for the same
// purpose within half an hour is one Look. f.Person is needed; its other bounds and
// Kinds count too. It is Exhausted beyond 10 000 looks: ask for a shorter time.
func Looks(ctx context.Context, j Finder, f journal.Filter) ([]Look, error) {
	if f.Person == "" {
		return nil, fault.Errorf(fault.Invalid, "who looked: no person")
	}
	f.Newest = false
	var all []Look
	last := map[sort]int{} // place in all of the last of its sort
	for e, err := range j.Find(ctx, f) {
		if err != nil {
			return nil, err
		}
		l, of := looked(e)
		if i, ok := last[of]; ok && !l.First.Before(all[i].First) && l.First.Sub(all[i].Last) <= together {
			all[i].Count += l.Count
			if l.Last.After(all[i].Last) {
				all[i].Last = l.Last
			}
			continue
		}
		if len(all) >= maxLooks {
			return nil, fault.Errorf(fault.Exhausted, "who looked: more than %d", maxLooks)
		}
		last[of] = len(all)
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b Look) int { return b.Last.Compare(a.Last) })
	return all, nil
}

// A sort is what looks have in common that may be one.
type sort struct {
	actor, roles, kind, study, purpose, door, to, site string
	refused                                            bool
}

// looked reads an entry as a look.
func looked(e journal.Entry) (Look, sort) {
	k := of(e)
	l := Look{
		First: e.At, Last: e.At, Actor: e.Actor, Roles: strings.Fields(k.Role), Did: k.did(), Kind: e.Kind, Study: k.study(),
		Purpose: k.Purpose, Door: k.Door, To: k.To, Count: max(1, k.Count), Refused: k.outcome != success, Site: e.Site, Seq: e.Seq,
	}
	if !k.First.IsZero() && !k.Last.Before(k.First) {
		l.First, l.Last = k.First, k.Last
	}
	return l, sort{l.Actor, k.Role, l.Kind, l.Study, l.Purpose, l.Door, l.To, l.Site, l.Refused}
}

// did says in one word what an entry did with somebody's data.
func (l *look) did() string {
	switch {
	case l.id == alert && l.sort == overrideStarted:
		return Emergency
	case l.id == export, l.id == transferring, l.id == transferred && l.action == "R":
		return Passed
	case l.rest == "search", l.id == query:
		return Searched
	case l.action == "R":
		return Saw
	case l.action == "C":
		return Stored
	case l.action == "D":
		return Erased
	}
	return Changed
}
