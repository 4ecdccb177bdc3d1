package incident

import (
	"context"
	"regexp"
	"strings"
	"unicode"

	"radagora/db"
	"radagora/fault"
)

// manyDigits looks like an identifier, a birth date or a telephone number.
var manyDigits = regexp.MustCompile(`[0-9](?:[0-9]|[-./ ](?:[0-9])){5,}`)

// leastPart is how many letters a part of an identifier has at least to be looked for.
const leastPart = 3

// Nameless refuses words by which a patient could be known: any of known (names,
// identifiers, birth dates), whole words of it, or a long run of digits. It does not say
// which.
func Nameless(words string, known []string) error {
	have := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(words), notWord) {
		have[w] = true
	}
	for _, k := range known {
		for _, part := range strings.FieldsFunc(strings.ToLower(k), notWord) {
			if len([]rune(part)) >= leastPart && have[part] {
				return fault.Errorf(fault.Invalid, "lesson: it contains a name or number of the patient of this incident; leave it out")
			}
		}
	}
	if manyDigits.MatchString(words) {
		return fault.Errorf(fault.Invalid, "lesson: it contains a number of six digits or more, which may be an identifier or a date; leave it out")
	}
	return nil
}

// notWord reports whether a character stands between words.
func notWord(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }

// Publish puts the lesson of an incident on the board, on behalf of an account. known are
// names and identifiers of the patient. Invalid: there is no lesson, or it says who the
// patient is.
func (r *Register) Publish(ctx context.Context, siteID, by, id string, version int, known []string) (*Incident, error) {
	return r.lesson(ctx, siteID, by, id, version, func(i *Incident, today string) error {
		if strings.TrimSpace(i.Work.Lesson) == "" {
			return fault.Errorf(fault.Invalid, "lesson: write it first")
		}
		if i.Work.Published != "" {
			return fault.Errorf(fault.Conflict, "lesson: it is on the board already")
		}
		if i.State == Aside {
			return fault.Errorf(fault.Conflict, "lesson: incident %s was set aside", i.Name())
		}
		if err := Nameless(i.Work.Lesson, append(known, i.Study, i.Person)); err != nil {
			return err
		}
		i.Work.Published = today
		return nil
	})
}

// Unpublish takes a lesson off the board.
func (r *Register) Unpublish(ctx context.Context, siteID, by, id string, version int) (*Incident, error) {
	return r.lesson(ctx, siteID, by, id, version, func(i *Incident, _ string) error {
		if i.Work.Published == "" {
			return fault.Errorf(fault.Conflict, "lesson: it is not on the board")
		}
		i.Work.Published = ""
		return nil
	})
}

// lesson changes whether the board shows a lesson, whatever state the incident is in.
func (r *Register) lesson(ctx context.Context, siteID, by, id string, version int, change func(i *Incident, today string) error) (*Incident, error) {
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	var out *Incident
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := r.at(ctx, tx, siteID, by, id, version)
		if err != nil {
			return err
		}
		if err := change(i, here.Day(r.Now())); err != nil {
			return err
		}
		out = i
		return r.keep(ctx, tx, i, Step{Kind: Changed, Fields: []string{"published"}, By: by, At: r.Now()})
	})
	return out, err
}

// A Lesson is what the board shows: no number, no date of the event, no name.
type Lesson struct {
	Words, Kind, Sort string
	Causes            []string
	Day               string // since when
}

// Board returns the lessons, the newest first.
func (r *Register) Board(ctx context.Context, siteID string) ([]Lesson, error) {
	all, err := r.List(ctx, siteID)
	var out []Lesson
	for i := range all {
		if one := &all[i]; one.Work.Published != "" && one.State != Aside {
			out = append(out, Lesson{Words: one.Work.Lesson, Kind: one.Kind, Sort: one.Sort, Causes: one.Work.Causes, Day: one.Work.Published})
		}
	}
	return out, err
}
