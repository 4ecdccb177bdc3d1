package main

import (
	"context"
	"net/http"
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

// noteRead notes that somebody looked at a patient's data. The first in a minute stands
// in the journal within a second.
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

// whence returns by which door whoever asks came in, and from which address.
func whence(ctx context.Context) (door, address string) {
	if a := account.PlaceOf(ctx).Address; a.IsValid() {
		address = a.Unmap().String()
	}
	return access.From(ctx).Door, address
}

// noteRefused notes that something was refused to somebody who is signed in: what the
// route is, gathered as reads are, so that who tries often does not fill the journal.
func (h *house) noteRefused(ctx context.Context, route string) {
	who := access.From(ctx)
	if who.ID == "" {
		return
	}
	_, from := whence(ctx)
	err := h.Reads.Note(journal.Read{
		Address: from, Site: at, Actor: who.ID, Kind: "access.act.refused", Subject: route,
		Purpose: string(who.For(at)), Role: roleWords(who, at), Door: who.Door,
	})
	if err != nil {
		h.Log.WarnContext(ctx, "a refusal is not noted", "route", route, "error", err)
	}
}

// noticed tells of answers that refuse something to whoever asks.
func (h *house) noticed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statused{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if seen.code == http.StatusForbidden {
			h.noteRefused(r.Context(), r.Method+" "+trunk(r.URL.Path))
		}
	})
}

// trunk returns the first two names of a path, behind which those of persons and
// studies stand.
func trunk(path string) string {
	parts := strings.SplitN(path, "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// statused remembers the status of an answer.
type statused struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (a *statused) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *statused) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// roleWords returns the roles that somebody has at a site, as the journal holds them.
func roleWords(who access.Who, site string) string {
	var words []string
	for _, r := range who.Roles(site) {
		words = append(words, string(r))
	}
	return strings.Join(words, " ")
}
