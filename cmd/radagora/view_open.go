package main

import (
	"context"

	"radagora/access/token"
	"radagora/fault"
	"radagora/web"
)

// viewersOf returns the names of the viewers in which a study can be opened.
func (v studiesView) viewersOf() []string {
	all, err := v.settings.viewers()
	if err != nil {
		return nil // refused when the program began
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.name
	}
	return names
}

// Opening implements web.Studies.
func (v studiesView) Opening(ctx context.Context, study string) (web.StudyOpening, error) {
	s, err := v.study(ctx, study)
	if err != nil {
		return web.StudyOpening{}, err
	}
	o := web.StudyOpening{Study: studyRow(s), Viewers: v.viewersOf()}
	tickets, err := v.Tokens.Tickets(ctx, at, study)
	for _, t := range tickets {
		o.Tickets = append(o.Tickets, web.StudyTicket{ID: t.ID, Viewer: t.Name, Made: t.Made, Until: t.Expires})
	}
	return o, err
}

// Open implements web.Studies.
func (v studiesView) Open(ctx context.Context, study, viewer string) (web.StudyOpened, error) {
	s, err := v.study(ctx, study)
	if err != nil {
		return web.StudyOpened{}, err
	}
	all, err := v.settings.viewers()
	if err != nil {
		return web.StudyOpened{}, err
	}
	for _, one := range all {
		if one.name != viewer {
			continue
		}
		opened, secret := web.StudyOpened{Viewer: viewer}, ""
		if one.needsTicket() {
			var t token.Ticket
			secret, t, err = v.Tokens.Issue(ctx, token.View{Site: at, Study: study, Person: s.Person.Reveal(), Name: viewer})
			if err != nil {
				return opened, err
			}
			opened.Until = t.Expires
		}
		opened.Address = one.at(v.settings.base(), study, secret)
		return opened, nil
	}
	return web.StudyOpened{}, fault.Errorf(fault.NotFound, "no viewer of this name")
}

// TakeBack implements web.Studies.
func (v studiesView) TakeBack(ctx context.Context, ticket string) error {
	return v.Tokens.TakeBack(ctx, ticket)
}
