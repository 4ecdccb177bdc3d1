package main

import (
	"context"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/web"
	"radagora/web/face"
)

// A privacyView answers the pages of data protection: the desk does nearly all of it.
type privacyView struct {
	*privacy.Desk
	view *view
}

var _ web.Privacy = privacyView{}

// People implements web.Privacy.
func (v privacyView) People(ctx context.Context) ([]face.Choice, error) { return v.view.people(ctx) }

// Person implements web.Privacy.
func (v privacyView) Person(issuer, id string) access.Person { return v.view.personOf(issuer, id) }
