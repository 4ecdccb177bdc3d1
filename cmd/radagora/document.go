package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"

	"radagora/access"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/dose"
	"radagora/fault"
	"radagora/job"
)

// openDocuments opens the rooms of documents and of people's qualifications, and lets both
// look every morning for what fell due. It comes after the room of audits.
func (h *house) openDocuments(ctx context.Context) error {
	h.Documents = &document.Register{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Findings: h.Findings, Site: h.Sites.Site, Now: h.Now,
		Rooms: h.roomIDs, Readers: h.readers, Procedures: h.procedures,
	}
	if err := h.DB.Migrate(ctx, "document", document.Migrations()); err != nil {
		return err
	}
	h.Qualified = &qualification.Register{
		DB: h.DB, Journal: h.Journal, Findings: h.Findings, Site: h.Sites.Site, Now: h.Now, Ahead: h.remindDays,
	}
	if err := h.DB.Migrate(ctx, "qualification", qualification.Migrations()); err != nil {
		return err
	}
	if err := h.Evidence.Register(append(h.Documents.Facts(), h.Qualified.Facts()...)...); err != nil {
		return err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return err
	}
	h.Jobs.Every("documents-due", job.Clock{Weekday: -1, Hour: 0, Minute: 10, Zone: here.Location()}, func(ctx context.Context) error {
		return errors.Join(h.Documents.Judge(ctx, at), h.Qualified.Judge(ctx, at))
	})
	return nil
}

// remindDays is how many days ahead the content tells of what ends.
func (h *house) remindDays(siteID string) (int, error) {
	s, err := h.Audits.Settings(siteID)
	return s.RemindDays, err
}

// roomIDs are the ids of the rooms of a site.
func (h *house) roomIDs(ctx context.Context, siteID string) ([]string, error) {
	p, err := h.Sites.Plan(ctx, h.DB, siteID)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, room := range p.Rooms {
		all = append(all, room.ID)
	}
	return all, nil
}

// readers are the accounts that have not ended, with their roles at a site.
func (h *house) readers(ctx context.Context, siteID string) ([]document.Reader, error) {
	accounts, err := h.Users.Accounts(ctx)
	var all []document.Reader
	for _, a := range accounts {
		if !a.Ended.IsZero() || a.ID == access.Local {
			continue
		}
		r := document.Reader{Account: a.ID}
		for _, g := range a.Grants {
			if g.Site == "" || g.Site == siteID {
				r.Roles = append(r.Roles, g.Role)
			}
		}
		all = append(all, r)
	}
	return all, err
}

// procedures are the codes of the examinations whose doses are known of some days.
func (h *house) procedures(ctx context.Context, siteID, from, until string) ([]string, error) {
	rooms, err := h.roomsOf(ctx, siteID)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, modality := range dose.Modalities() {
		o, err := h.Dose.OverviewOf(ctx, siteID, modality, dose.Period{From: from, To: until}, rooms, access.Quality)
		if err != nil {
			return nil, err
		}
		for _, row := range o.Rows {
			if row.Exam != "" {
				all = append(all, row.Exam)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

type documentCmd struct {
	List    documentListCmd    `cmd:"" help:"List the documents of the register."`
	Add     documentAddCmd     `cmd:"" help:"Enter a document, or a new version of one."`
	Approve documentApproveCmd `cmd:"" help:"Put a version that somebody else brought in force."`
	Read    documentReadCmd    `cmd:"" help:"Confirm to have read the version in force."`
}

type documentListCmd struct {
	settings
	JSON bool `name:"json" help:"Print an array with one element for each document."`
}

func (documentListCmd) Help() string {
	return `Lists protocols, procedures and manuals with the version in force, the day of the next review, and what is wrong:
"overdue" when that day is past, "unapproved" while a version waits for a second person.

Example:

    radagora document list --data /var/lib/radagora`
}

// Run prints them.
func (c documentListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.DocumentRead); err != nil {
			return err
		}
		all, err := h.documents(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tSTATE\tKIND\tVERSION\tNEXT REVIEW\tTITLE")
		for _, d := range all {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", d.Number, d.State, d.Kind, d.InForce, d.NextReview, d.Title)
		}
		return w.Flush()
	})
}

// numbered returns a document by its number. NotFound: there is none.
func (h *house) numbered(ctx context.Context, number string) (*document.Document, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "number: %.40q is no whole number; \"radagora document list\" shows those there are", number)
	}
	all, err := h.Documents.List(ctx, at)
	for i := range all {
		if all[i].Number == n {
			return &all[i], nil
		}
	}
	if err == nil {
		err = fault.Errorf(fault.NotFound, "no document %d; \"radagora document list\" shows those there are", n)
	}
	return nil, err
}

type documentAddCmd struct {
	settings
	To       string        `placeholder:"NUMBER" help:"Add a version to the document of this number; without it a new document is entered."`
	Title    string        `help:"Title of a new document."`
	Kind     string        `default:"procedure" help:"protocol, procedure, manual, policy, responsibility, guideline, form or record."`
	Topic    string        `help:"justification or optimisation, of the document that names who is responsible for it."`
	Owner    string        `help:"Function that answers for a new document."`
	HighDose bool          `help:"It is the protocol of a procedure with a high dose."`
	Reader   []access.Role `help:"Role that confirms to have read it; can be repeated."`
	Exam     []string      `help:"Code of an examination it is the protocol of; can be repeated."`
	Version  string        `required:"" help:"How the site calls the version, such as 2.1."`
	Change   string        `help:"What is new."`
	Link     string        `placeholder:"URL" help:"Where it is kept elsewhere."`
	File     string        `arg:"" optional:"" type:"path" help:"PDF, DOCX, ODT, JPEG, PNG or UTF-8 text of at most 10 MiB."`
}

func (documentAddCmd) Help() string {
	return `Enters a document with its first version, or with --to a new version of one. A version is a file, a link, or both. It
is in force once a second person approved it.

Example:

    radagora document add --title "Head CT, adults" --kind protocol --owner "Head of CT" --exam CT_HEAD --version 1.0 head.pdf --data /var/lib/radagora`
}

// Run enters it.
func (c documentAddCmd) Run(ctx context.Context, sys *system) error {
	draft := document.Draft{Label: c.Version, Change: c.Change, Link: c.Link}
	if c.File != "" {
		info, err := os.Stat(c.File)
		if err != nil {
			return fmt.Errorf("file: %w", trimPath(err, c.File))
		}
		if info.Size() > document.MostFile {
			return fault.Errorf(fault.Exhausted, "the file has more than %d bytes: make it smaller, or give a link", document.MostFile)
		}
		raw, err := os.ReadFile(c.File)
		if err != nil {
			return fmt.Errorf("file: %w", trimPath(err, c.File))
		}
		draft.File = document.File{Name: filepath.Base(c.File), Bytes: raw}
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.DocumentChange); err != nil {
			return err
		}
		by := access.From(ctx).ID
		if err := draft.Check(); err != nil {
			return err
		}
		var d *document.Document
		var err error
		if c.To != "" {
			d, err = h.numbered(ctx, c.To)
		} else {
			d, err = h.Documents.Keep(ctx, at, by, "", document.Head{
				Title: c.Title, Kind: c.Kind, Topic: c.Topic, Owner: c.Owner, HighDose: c.HighDose, Readers: c.Reader, Exams: c.Exam,
			})
		}
		if err != nil {
			return err
		}
		if d, err = h.Documents.Add(ctx, at, by, d.ID, draft); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "document %d, version %d: waits for the approval of a second person\n", d.Number, d.Versions[0].Number)
		return err
	})
}

type documentApproveCmd struct {
	settings
	As     string `required:"" placeholder:"LOGIN" help:"Account of the second person, who approves."`
	Until  string `required:"" placeholder:"YYYY-MM-DD" help:"Day of the next review."`
	Number string `arg:"" help:"Number of the document."`
}

func (documentApproveCmd) Help() string {
	return `Puts the latest version of a document in force until the day of its next review, on behalf of an account. Whoever
brought the version cannot approve it.

Example:

    radagora document approve 3 --as manager --until 2027-11-30 --data /var/lib/radagora`
}

// Run approves it.
func (c documentApproveCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		who, err := h.standFor(ctx, c.As, access.DocumentApprove)
		if err != nil {
			return err
		}
		d, err := h.numbered(ctx, c.Number)
		if err != nil {
			return err
		}
		latest := int64(0)
		if len(d.Versions) > 0 {
			latest = d.Versions[0].Number
		}
		if d, err = h.Documents.Approve(ctx, at, who, d.ID, latest, c.Until); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "document %d, version %d is in force until its review on %s\n", d.Number, latest, c.Until)
		return err
	})
}

// standFor returns the id of an account that may do an act by its roles. Forbidden: it may
// not.
func (h *house) standFor(ctx context.Context, login string, act access.Act) (string, error) {
	user, err := h.Users.ByLogin(ctx, login)
	if err != nil {
		return "", fmt.Errorf("account %q: %w", login, err)
	}
	if err := access.Check(access.WithJudge(access.With(ctx, user.Who()), h.Judge), act, access.Subject{Site: at}); err != nil {
		return "", err
	}
	return user.ID, nil
}

type documentReadCmd struct {
	settings
	As     string `required:"" placeholder:"LOGIN" help:"Account of who read it."`
	Number string `arg:"" help:"Number of the document."`
}

func (documentReadCmd) Help() string {
	return `Confirms on behalf of an account that it read the version of a document that is in force.

Example:

    radagora document read 3 --as radiographer --data /var/lib/radagora`
}

// Run confirms it.
func (c documentReadCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		who, err := h.standFor(ctx, c.As, access.DocumentConfirm)
		if err != nil {
			return err
		}
		d, err := h.numbered(ctx, c.Number)
		if err != nil {
			return err
		}
		v := d.InForce()
		if v == nil {
			return fault.Errorf(fault.Conflict, "document %d: no version is in force; a second person approves one first", d.Number)
		}
		if err := h.Documents.Read(ctx, at, who, d.ID, v.Number); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "document %d, version %d: read\n", d.Number, v.Number)
		return err
	})
}
