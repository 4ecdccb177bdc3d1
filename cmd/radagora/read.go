package main

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/access/account"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// mayStudy returns an error unless whoever asks may do act to a study, and notes in
// the journal that they did. What cannot be noted is not shown.
func (h *house) mayStudy(ctx context.Context, act access.Act, study uid.UID) error {
	subject := access.Subject{Site: at, Study: study.String()}
	s, err := h.Archive.Study(ctx, at, study)
	switch {
	case err == nil:
		subject.Person = s.Person.Reveal()
	case fault.Of(err) != fault.NotFound:
		return err
	}
	if err := access.Check(ctx, act, subject); err != nil {
		return err
	}
	return h.noteRead(ctx, act, subject)
}

// noteRead notes that somebody looked at a patient's data. Reads are gathered for a
// minute before they stand in the journal.
func (h *house) noteRead(ctx context.Context, act access.Act, subject access.Subject) error {
	who := access.From(ctx)
	from := ""
	if a := account.PlaceOf(ctx).Address; a.IsValid() {
		from = a.Unmap().String()
	}
	return h.Reads.Note(journal.Read{
		Address: from,
		Site:    subject.Site, Actor: who.ID, Kind: string(act), Subject: subject.Study,
		Purpose: string(who.For(subject.Site)), Role: roleWords(who, subject.Site), Door: who.Door, Person: subject.Person,
	})
}

// roleWords returns the roles that somebody has at a site, as the journal holds them.
func roleWords(who access.Who, site string) string {
	var words []string
	for _, r := range who.Roles(site) {
		words = append(words, string(r))
	}
	return strings.Join(words, " ")
}
