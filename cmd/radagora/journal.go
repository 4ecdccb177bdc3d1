package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

type journalCmd struct {
	Find   journalFindCmd   `cmd:"" help:"Show entries of the journal."`
	Export journalExportCmd `cmd:"" help:"Write entries as JSON, CSV, FHIR AuditEvent or DICOM audit messages."`
	Verify journalVerifyCmd `cmd:"" help:"Verify seals and signed heads."`
	Heads  journalHeadsCmd  `cmd:"" help:"Sign the end of the journal and print signed heads."`
}

// journalFlags say which entries are wanted.
type journalFlags struct {
	Person string   `placeholder:"ID" help:"Entries about this patient ID."`
	Issuer string   `placeholder:"ISSUER" help:"Issuer of the patient ID."`
	Actor  string   `placeholder:"ID" help:"Entries of this account, ae:TITLE or system:NAME."`
	Kind   []string `placeholder:"KIND" help:"Kind of entries, such as archive.object.read or access.*; can be repeated."`
	About  string   `placeholder:"UID" help:"Entries about this study, instance or id."`
	From   string   `placeholder:"TIME" help:"Not before: a day, 2026-03-01, or an instant, 2026-03-01T08:00:00Z."`
	Until  string   `placeholder:"TIME" help:"Before this day or instant."`
}

func (f journalFlags) filter() (journal.Filter, error) {
	want := journal.Filter{Actor: f.Actor, Kinds: f.Kind, Subject: f.About}
	for _, t := range []struct {
		flag, text string
		into       *time.Time
	}{{"from", f.From, &want.From}, {"until", f.Until, &want.Until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, t.text)
		if err != nil {
			if at, err = time.Parse(time.RFC3339, t.text); err != nil {
				return want, wrong("--%s: write a day, 2026-03-01, or an instant, 2026-03-01T08:00:00Z", t.flag)
			}
		}
		*t.into = at
	}
	return want, nil
}

// about has want be about the person, as this installation keeps their identifier.
func (f journalFlags) about(h *house, want *journal.Filter) {
	if f.Person != "" {
		want.Site, want.Person = at, h.Archive.Key(f.Issuer, f.Person)
	}
}

type journalFindCmd struct {
	settings
	journalFlags
	Limit int `default:"50" help:"At most so many, the newest."`
}

func (journalFindCmd) Help() string {
	return `Prints the newest entries, newest first. What an entry says about a person beyond who and what is encrypted and not
shown here. Reading the journal is noted in it. Needs the data folder for itself: stop "radagora serve" first.

Example:

    radagora journal find --data /var/lib/radagora --kind 'access.*' --from 2026-03-01`
}

// Run prints a line for each entry.
func (c journalFindCmd) Run(ctx context.Context, sys *system) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.Limit < 1 {
		return wrong("--limit: at least 1")
	}
	f.Newest, f.Limit = true, c.Limit
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		c.about(h, &f)
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tTIME\tACTOR\tKIND\tABOUT\tDATA")
		n := 0
		for e, err := range h.Journal.Find(ctx, f) {
			if err != nil {
				return err
			}
			n++
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Seq, e.At.Format(time.RFC3339), e.Actor, e.Kind, dash(e.Subject), e.Data)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(sys.Out, "%d entries\n", n); err != nil {
			return err
		}
		return h.noteJournalRead(f)
	})
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// noteJournalRead notes that somebody looked into the journal.
func (h *house) noteJournalRead(f journal.Filter) error {
	return h.Reads.Note(journal.Read{
		Site: at, Actor: access.Local, Kind: string(access.JournalRead), Purpose: string(access.Legal), Door: "command", Person: f.Person,
	})
}

type journalExportCmd struct {
	settings
	journalFlags
	Format string `default:"json" enum:"json,csv,fhir,fhir-bundle,dicom" help:"json (one object a line), csv, fhir (one AuditEvent a line), fhir-bundle, or dicom (one audit message a line)."`
	Output string `short:"o" placeholder:"FILE" help:"Write here instead of printing; refused if it is there."`
}

func (journalExportCmd) Help() string {
	return `Writes the entries, oldest first. No format holds what is encrypted; a person is a pseudonym. That somebody exported,
and what, stands in the journal before the first entry is written. Needs the data folder for itself.

Example:

    radagora journal export --data /var/lib/radagora --format fhir --from 2026-03-01 --until 2026-04-01 -o march.ndjson`
}

// Run writes the entries.
func (c journalExportCmd) Run(ctx context.Context, sys *system) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) (err error) {
		c.about(h, &f)
		out := sys.Out
		if c.Output != "" {
			file, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			out = file
		}
		return h.exportJournal(ctx, out, c.Format, f, c.origin())
	})
}

// exportJournal notes an export in the journal and writes the entries that were
// sealed before.
func (h *house) exportJournal(ctx context.Context, out io.Writer, format string, f journal.Filter, host string) error {
	head, err := h.Journal.Head(ctx)
	if err != nil {
		return err
	}
	if f.Before == 0 {
		f.Before = head.Seq + 1
	}
	data, err := json.Marshal(map[string]any{
		"format": format, "kinds": f.Kinds, "account": f.Actor, "about": f.Subject, "from": f.From, "until": f.Until, "upto": head.Seq,
	})
	if err != nil {
		return err
	}
	who := access.From(ctx)
	err = h.DB.Write(ctx, func(tx *db.Tx) error {
		return h.Journal.Append(ctx, tx, journal.Entry{
			Site: at, Actor: who.ID, Kind: "journal.entry.exported", Data: data, Person: f.Person,
		})
	})
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	if err := writeEntries(w, format, h.installation(ctx, host), h.Journal.Find(ctx, f)); err != nil {
		return err
	}
	return w.Flush()
}

type journalVerifyCmd struct {
	settings
	Heads string `placeholder:"FILE" help:"Signed heads that were kept elsewhere, as journal heads prints them."`
}

func (journalVerifyCmd) Help() string {
	return `Verifies the seals of the journal from the first to the last, its signed heads, those in journal.heads of the data
folder, and those in a file that was kept elsewhere. It changes nothing and names the first broken entry. Works
while "radagora serve" runs, too. Exits with 1 if anything is wrong.

Example:

    radagora journal verify --data /var/lib/radagora --heads /media/usb/heads.json`
}

// Run verifies the journal alone.
func (c journalVerifyCmd) Run(ctx context.Context, sys *system) (err error) {
	c.shared = true
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	kept, err := h.keptHeads()
	if err != nil {
		return err
	}
	if c.Heads != "" {
		if _, err := os.Stat(c.Heads); err != nil {
			return err
		}
		more, err := keptHeads(c.Heads)
		if err != nil {
			return err
		}
		kept = append(kept, more...)
	}
	r, err := h.Journal.Verify(ctx, kept...)
	if err != nil {
		return err
	}
	return printReport(sys.Out, r)
}

// printReport prints what was verified, and fails if anything is broken.
func printReport(w io.Writer, r journal.Report) error {
	fmt.Fprintf(w, "journal: %d entries in %d seals, %d signed heads\n", r.Entries, r.Seals, r.Signed)
	if r.Checkpoint != nil {
		fmt.Fprintf(w, "journal: entries up to %d were dropped on %s, as is signed\n", r.Checkpoint.Seq, r.Checkpoint.At.Format(time.DateOnly))
	}
	if r.Head.Seal != 0 {
		fmt.Fprintf(w, "journal: ends with entry %d, seal %d, digest %x\n", r.Head.Seq, r.Head.Seal, r.Head.Digest)
	}
	if r.Break != nil {
		return fault.Errorf(fault.Conflict, "journal: broken at entry %d: %s", r.Break.Seq, r.Break.Reason)
	}
	if r.Since > 0 {
		fmt.Fprintf(w, "journal: %d entries since the last signed head are under no signature yet\n", r.Since)
	}
	_, err := fmt.Fprintln(w, "all is well")
	return err
}

type journalHeadsCmd struct {
	settings
	Last int `default:"1" help:"Print so many, newest first; 0 for all."`
}

func (journalHeadsCmd) Help() string {
	return `Signs the end of the journal as it stands and prints signed heads, one JSON object a line. Keep them where nobody who
can change the database can reach them: on paper, on a stick, with a notary. "journal verify --heads FILE" takes them
back and shows whether anything was cut off or written anew since. Needs the data folder for itself.

Example:

    radagora journal heads --data /var/lib/radagora >> /media/usb/heads.json`
}

// Run signs and prints.
func (c journalHeadsCmd) Run(ctx context.Context, sys *system) (err error) {
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := h.Journal.Sign(ctx); err != nil {
		return err
	}
	heads, err := h.Journal.Heads(ctx, c.Last)
	if err != nil {
		return err
	}
	for _, head := range heads {
		line, err := json.Marshal(head)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(sys.Out, "%s\n", line); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(sys.Err, "key %s\n", journal.Fingerprint(h.Journal.PublicKey()))
	return err
}

// origin returns the name under which others reach this installation.
func (s settings) origin() string {
	host := strings.TrimPrefix(strings.TrimPrefix(s.base(), "https://"), "http://")
	return host
}
