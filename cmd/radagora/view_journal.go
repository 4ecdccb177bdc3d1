package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/web"
	"radagora/web/face"
)

// A journalView shows what happened.
type journalView struct{ *view }

// journalPageSize is how many entries one page lists.
const journalPageSize = 50

// filter returns what the journal is asked for.
func journalFilter(q web.JournalQuery) journal.Filter {
	f := journal.Filter{Actor: q.Account, Subject: q.About, PersonKey: q.Person, From: q.From, Until: q.Until, Before: q.Before}
	if q.Kind != "" {
		f.Kinds = []string{q.Kind}
	}
	return f
}

// Happened implements web.Journal.
func (v journalView) Happened(ctx context.Context, q web.JournalQuery) (web.JournalPage, error) {
	var pg web.JournalPage
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	f := journalFilter(q)
	f.Newest, f.Limit = true, journalPageSize+1
	for e, err := range v.Journal.Find(ctx, f) {
		if err != nil {
			return pg, err
		}
		if len(pg.Entries) == journalPageSize {
			pg.More = true
			break
		}
		pg.Entries = append(pg.Entries, entryOf(e, names))
	}
	for id, name := range names {
		pg.Accounts = append(pg.Accounts, face.Choice{Code: id, Label: name})
	}
	if pg.Kinds, err = v.Journal.Kinds(ctx); err != nil {
		return pg, err
	}
	if pg.State, err = v.journalState(ctx); err != nil {
		return pg, err
	}
	return pg, v.journalKept(ctx, &pg)
}

// entryOf makes a line of an entry, without what it says about a person.
func entryOf(e journal.Entry, names map[string]string) web.JournalEntry {
	return web.JournalEntry{
		Number: e.Seq, ID: e.ID, At: e.At, Actor: e.Actor, Name: names[e.Actor], Kind: e.Kind, About: e.Subject, Person: e.PersonKey, Erased: e.Erased,
	}
}

// journalState returns what is known of the last verification, and the last signed
// head.
func (v journalView) journalState(ctx context.Context) (web.JournalState, error) {
	running, ended, report, err := v.care.state()
	s := web.JournalState{
		Running: running, Verified: ended, Entries: report.Entries, Seals: report.Seals, Signed: report.Signed, Since: report.Since, Failed: err != nil,
	}
	if b := report.Break; b != nil {
		s.Broken, s.Reason = b.Seq, b.Reason
	}
	heads, err := v.Journal.Heads(ctx, 1)
	if err != nil || len(heads) == 0 {
		return s, err
	}
	h := heads[0]
	s.HeadAt, s.HeadSeal, s.HeadEntry, s.HeadDigest = h.At, h.Seal, h.Seq, fmt.Sprintf("%x", h.Digest)
	s.Fingerprint = journal.Fingerprint(h.PublicKey)
	return s, nil
}

// journalKept adds how long entries are kept.
func (v journalView) journalKept(ctx context.Context, pg *web.JournalPage) error {
	rules, err := v.retentionRules()
	if err != nil {
		return err
	}
	plan, err := v.Journal.Retention(ctx, rules)
	if err != nil {
		return err
	}
	for _, r := range rules {
		pg.Rules = append(pg.Rules, web.JournalRule{
			Kind: r.Kind, Personal: r.Personal, Days: r.Days, Floor: r.Floor, Governs: r == plan.Rule, Why: r.Why, Source: r.Source,
		})
	}
	for e, err := range v.Journal.Find(ctx, journal.Filter{Limit: 1}) {
		if err != nil {
			return err
		}
		pg.Keeps = e.At
	}
	return nil
}

// Entry implements web.Journal. That somebody saw what an entry says about a person
// is noted.
func (v journalView) Entry(ctx context.Context, number int64) (web.JournalEntry, error) {
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.JournalEntry{}, err
	}
	for e, err := range v.Journal.Find(ctx, journal.Filter{After: number - 1, Before: number + 1, Limit: 1}) {
		if err != nil {
			return web.JournalEntry{}, err
		}
		shown := entryOf(e, names)
		shown.Data = indented(e.Data)
		if len(e.Payload) == 0 {
			return shown, nil
		}
		if may(ctx, access.IdentityRead) != nil {
			shown.Hidden = true
			return shown, nil
		}
		shown.Personal = indented(e.Payload)
		who := access.From(ctx)
		return shown, v.Reads.Note(journal.Read{
			Site: at, Actor: who.ID, Kind: string(access.JournalRead), Subject: e.ID, Purpose: string(who.For(at)), Role: roleWords(who, at), Door: who.Door,
		})
	}
	return web.JournalEntry{}, fault.Errorf(fault.NotFound, "no entry %d", number)
}

// indented writes JSON for people.
func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// PersonKey implements web.Journal.
func (v journalView) PersonKey(ctx context.Context, patientID, issuer string) (string, error) {
	if err := may(ctx, access.AccessListRead); err != nil {
		return "", err
	}
	who := access.From(ctx)
	whom := v.Archive.Key(issuer, patientID)
	key, err := v.Journal.PersonKey(ctx, at, whom)
	if err != nil {
		return "", err
	}
	return key, v.Reads.Note(journal.Read{
		Site: at, Actor: who.ID, Kind: string(access.AccessListRead), Purpose: string(who.For(at)), Role: roleWords(who, at), Door: who.Door, Person: whom,
	})
}

// verifyLimit is how long one verification may take.
const verifyLimit = 12 * time.Hour

// VerifyJournal implements web.Journal. A small journal is verified before the page
// comes back.
func (v journalView) VerifyJournal(ctx context.Context) error {
	if err := may(ctx, access.JournalRead); err != nil {
		return err
	}
	done := make(chan struct{})
	life, cancel := context.WithTimeout(v.life, verifyLimit)
	go func() {
		defer close(done)
		defer cancel()
		if err := v.verifyJournal(life); err != nil {
			v.Log.WarnContext(life, "the journal could not be verified", "kind", fault.Of(err).String())
		}
	}()
	soon := time.NewTimer(2 * time.Second)
	defer soon.Stop()
	select {
	case <-done:
	case <-soon.C:
	case <-ctx.Done():
	}
	return nil
}

// ExportJournal implements web.Journal.
func (v journalView) ExportJournal(ctx context.Context, w io.Writer, q web.JournalQuery, format string) error {
	if err := may(ctx, access.JournalExport); err != nil {
		return err
	}
	return v.exportJournal(ctx, w, format, journalFilter(q), v.settings.origin())
}
