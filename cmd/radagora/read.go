package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/account"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
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
	return h.Reads.Note(readBy(ctx, act, subject))
}

// readBy is the read of a subject by whoever asks.
func readBy(ctx context.Context, act access.Act, subject access.Subject) journal.Read {
	who := access.From(ctx)
	_, from := whence(ctx)
	return journal.Read{
		Address: from,
		Site:    subject.Site, Actor: who.ID, Kind: string(act), Subject: subject.Study,
		Purpose: string(who.For(subject.Site)), Role: roleWords(who, subject.Site), Door: who.Door, Person: subject.Person,
	}
}

// A lookup is a search for studies, of which the journal keeps that somebody asked and by
// what, the names of attributes and never their values. Who asks by something that stands
// for a person leaves a trace at each person shown, so that "who looked at my data" tells
// who looked for somebody; a list of a day or of a modality shows everybody there was and
// leaves the one entry, and so does what is beyond mostSought persons of one answer.
type lookup struct {
	*house
	ctx   context.Context
	site  string
	asked []string
	named bool            // it asks for somebody
	shown map[string]bool // persons that are noted
	err   error
}

// mostSought is how many persons one answer leaves a trace at: who is shown more looks for
// nobody, and the gatherer of reads takes some thousands in a second from all doors.
const mostSought = 500

// seekers are the attributes by which somebody is looked for.
var seekers = map[string]bool{
	"text": true, "PatientName": true, "OtherPatientNames": true, "PatientBirthName": true, "PatientID": true, "OtherPatientIDs": true, "PatientBirthDate": true, "AccessionNumber": true,
	"StudyInstanceUID": true, "StudyID": true, "SeriesInstanceUID": true, "SOPInstanceUID": true,
}

// look notes that somebody searches by what is named. Before each row is shown, its
// person goes through see. Unavailable: it cannot be noted, and so nothing is shown.
func (h *house) look(ctx context.Context, siteID string, reach access.Reach, asked ...string) (*lookup, error) {
	slices.Sort(asked)
	l := &lookup{house: h, ctx: ctx, site: siteID, asked: slices.Compact(asked), shown: map[string]bool{}}
	l.named = reach.Identity && slices.ContainsFunc(l.asked, func(a string) bool { return seekers[a] })
	read := readBy(ctx, access.StudyFind, access.Subject{Site: siteID})
	read.Query = strings.Join(l.asked, "&")
	if len(read.Query) > journal.MaxName {
		read.Query = read.Query[:journal.MaxName-3] + "..."
	}
	return l, h.Reads.Note(read)
}

// see notes that a person is shown. What cannot be noted is not shown.
func (l *lookup) see(person string) error {
	if !l.named || person == "" || l.shown[person] || len(l.shown) >= mostSought || l.err != nil {
		return l.err
	}
	l.shown[person] = true
	l.err = l.noteRead(l.ctx, access.StudyFind, access.Subject{Site: l.site, Person: person})
	return l.err
}

// hook is see for archive.Query, nil where nobody is looked for and no person need be read.
func (l *lookup) hook() func(person string) error {
	if !l.named {
		return nil
	}
	return l.see
}

// seeAll notes that studies are shown.
func (l *lookup) seeAll(all []archive.Study) error {
	for _, s := range all {
		if err := l.see(s.Person.Reveal()); err != nil {
			return err
		}
	}
	return nil
}

// askedBy returns the names of those of pairs of name and value that ask something.
func askedBy(pairs ...string) (names []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			names = append(names, pairs[i])
		}
	}
	return names
}

// askedKeys returns the keywords of the keys that ask something: what is empty has an
// attribute returned, and * matches everything.
func askedKeys(keys *dicom.Dataset) (names []string) {
	if keys == nil {
		return nil
	}
	for e := range keys.All() {
		switch text := strings.Trim(keys.Text(e.Tag()), "* "); {
		case e.Tag() == tag.QueryRetrieveLevel || e.Tag() == tag.SpecificCharacterSet || text == "":
		case e.Tag().Keyword() == "":
			names = append(names, e.Tag().String())
		default:
			names = append(names, e.Tag().Keyword())
		}
	}
	return names
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
