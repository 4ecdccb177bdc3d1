package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/site"
)

type accountCmd struct {
	List            accountListCmd    `cmd:"" help:"List accounts with their roles."`
	Add             accountAddCmd     `cmd:"" help:"Add an account and print the link for its password."`
	Roles           accountRolesCmd   `cmd:"" help:"Replace the roles of an account."`
	End             accountEndCmd     `cmd:"" help:"Let an account act no more, or again."`
	Reset           accountResetCmd   `cmd:"" help:"Print a link with which an account gets another password."`
	Known           accountKnownCmd   `cmd:"" help:"Say by which names orders and images know who holds an account."`
	Patient         accountPatientCmd `cmd:"" help:"Say to which patient an account belongs."`
	Link            accountLinkCmd    `cmd:"" help:"Print the link that makes the first administrator."`
	CommonPasswords accountCommonCmd  `cmd:"" help:"Load a larger list of common passwords, which are refused."`
}

// beside opens the rooms of accounts alone, so that it works while the program
// serves, and does something in the name of the local user.
func (s settings) beside(ctx context.Context, sys *system, do func(ctx context.Context, h *house) error) (err error) {
	h := &house{Log: sys.Log, Now: sys.Now, data: s.Data}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if h.Content, err = s.content(); err != nil {
		return err
	}
	dsn := s.DB
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(s.Data, "radagora.db")
	}
	if h.DB, err = db.Open(ctx, dsn, db.Options{Log: sys.Log}); err != nil {
		return err
	}
	h.close = append(h.close, h.DB.Close)
	key, err := keyFile(filepath.Join(s.Data, "journal.key"))
	if err != nil {
		return err
	}
	if h.Journal, err = journal.Open(ctx, h.DB, journal.Options{MasterKey: key, Log: h.Log, Now: h.Now, Holder: holderName(), Whence: whence}); err != nil {
		return err
	}
	if h.Sites, err = site.Open(ctx, h.DB, h.Journal, h.Now); err != nil {
		return err
	}
	if h.Users, err = access.Open(ctx, h.DB, h.Now); err != nil {
		return err
	}
	if err := h.openAccounts(ctx, s, key); err != nil {
		return err
	}
	who, err := h.Users.Who(ctx, access.Local)
	if err != nil {
		return err
	}
	who.Door = "command"
	return do(access.With(ctx, who), h)
}

// openAccounts opens the room that knows how people prove who they are.
func (h *house) openAccounts(ctx context.Context, s settings, key [32]byte) error {
	sites, err := h.Sites.Sites(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, one := range sites {
		names = append(names, one.Name)
	}
	h.Accounts, err = account.Open(ctx, account.Options{
		DB: h.DB, Users: h.Users, Journal: h.Journal, Content: h.Content, Key: key, Log: h.Log, Now: h.Now,
		Secure: s.secure(), Origins: s.origins(), Demonstration: s.demo, Common: commonList(s.Data), OwnWords: names,
	})
	if err != nil {
		return err
	}
	h.close = append(h.close, h.Accounts.Close)
	return nil
}

// scheduleAccounts has sessions that are over ended every few minutes.
func (h *house) scheduleAccounts() {
	h.Jobs.Every("account-sweep", job.Interval(5*time.Minute), h.Accounts.Sweep)
}

// commonName is the file of a larger list of common passwords in the data folder.
const commonName = "common-passwords"

// commonList returns the file of a larger list, "" if there is none.
func commonList(data string) string {
	name := filepath.Join(data, commonName)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return name
}

// parseGrants reads roles as they are written on the command line: role, or
// role@site.
func parseGrants(ctx context.Context, h *house, roles []string) ([]access.Grant, error) {
	var grants []access.Grant
	for _, text := range roles {
		role, at, _ := strings.Cut(text, "@")
		if !slices.Contains(access.People(), access.Role(role)) {
			return nil, wrong("--role %s: there are %s", role, roleList())
		}
		if at != "" {
			if _, err := h.Sites.Site(ctx, at); err != nil {
				return nil, err
			}
		}
		grants = append(grants, access.Grant{Role: access.Role(role), Site: at})
	}
	return grants, nil
}

// roleList returns the roles of people between commas.
func roleList() string {
	var all []string
	for _, r := range access.People() {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// writeGrants writes roles as parseGrants reads them.
func writeGrants(grants []access.Grant) string {
	var all []string
	for _, g := range grants {
		text := string(g.Role)
		if g.Site != "" {
			text += "@" + g.Site
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

type accountListCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (accountListCmd) Help() string {
	return `Lists all accounts, those that ended too. Works while "radagora serve" runs.

Example:

    radagora account list`
}

// Run prints a line for each account.
func (c accountListCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Users.Accounts(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, accountsJSON(all))
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "LOGIN\tNAME\tSTATE\tROLES\tID")
		for _, u := range all {
			state := "active"
			if !u.Ended.IsZero() {
				state = "ended " + u.Ended.UTC().Format(time.DateOnly)
			}
			login := u.Login
			if login == "" {
				login = "-"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", login, u.Name, state, writeGrants(u.Grants), u.ID)
		}
		return w.Flush()
	})
}

// An accountJSON is an account as programs read it.
type accountJSON struct {
	ID      string     `json:"id"`
	Login   string     `json:"login,omitempty"`
	Name    string     `json:"name"`
	Mail    string     `json:"mail,omitempty"`
	Roles   []string   `json:"roles"`
	Created time.Time  `json:"created"`
	Ended   *time.Time `json:"ended,omitempty"`
}

// accountsJSON returns accounts as programs read them.
func accountsJSON(all []access.User) []accountJSON {
	list := []accountJSON{}
	for _, u := range all {
		a := accountJSON{ID: u.ID, Login: u.Login, Name: u.Name, Mail: u.Mail, Roles: strings.Fields(writeGrants(u.Grants)), Created: u.Created}
		if !u.Ended.IsZero() {
			a.Ended = &u.Ended
		}
		list = append(list, a)
	}
	return list
}

type accountAddCmd struct {
	settings
	Login string   `arg:"" help:"What its owner types to sign in."`
	Name  string   `required:"" help:"As colleagues know them."`
	Mail  string   `help:"Where notices go."`
	Role  []string `placeholder:"ROLE[@SITE]" help:"A role everywhere, or at one site; can be repeated."`
}

func (accountAddCmd) Help() string {
	return `Adds an account and prints a link, good once and for a day, with which its owner chooses the password. The
program itself knows no password that somebody else has typed. Works while "radagora serve" runs.
Roles: ` + roleList() + `.

Example:

    radagora account add mmeier --name "M. Meier" --role physicist --role manager@default`
}

// Run adds an account.
func (c accountAddCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		grants, err := parseGrants(ctx, h, c.Role)
		if err != nil {
			return err
		}
		id, err := h.Accounts.Add(ctx, access.User{Name: c.Name, Login: c.Login, Mail: c.Mail, Grants: grants})
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "account %s: %s\n", c.Login, id)
		return c.printLink(ctx, sys.Out, h, id)
	})
}

// printLink prints a link for a password.
func (s settings) printLink(ctx context.Context, out io.Writer, h *house, id string) error {
	token, err := h.Accounts.PasswordLink(ctx, id)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "link for the password, good once and for a day: %s/sign-in/link?token=%s\n", s.base(), token)
	return err
}

type accountRolesCmd struct {
	settings
	Login string   `arg:"" help:"Login or id of the account."`
	Role  []string `placeholder:"ROLE[@SITE]" help:"A role everywhere, or at one site; can be repeated. Without any, the account has none."`
}

func (accountRolesCmd) Help() string {
	return `Replaces the roles of an account. They take effect at once. The last administrator stays one.
Roles: ` + roleList() + `.

Example:

    radagora account roles mmeier --role physicist`
}

// Run replaces roles.
func (c accountRolesCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		grants, err := parseGrants(ctx, h, c.Role)
		if err != nil {
			return err
		}
		id, err := h.accountID(ctx, c.Login)
		if err != nil {
			return err
		}
		u, err := h.Users.User(ctx, id)
		if err != nil {
			return err
		}
		u.Grants = grants
		if err := h.Accounts.Change(ctx, u); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "account %s: %s\n", c.Login, writeGrants(grants))
		return err
	})
}

type accountEndCmd struct {
	settings
	Login string `arg:"" help:"Login or id of the account."`
	Undo  bool   `help:"Let it act again."`
}

func (accountEndCmd) Help() string {
	return `Signs an account out everywhere and lets it act no more. What it did stays in the journal under its name.

Example:

    radagora account end mmeier`
}

// Run ends an account.
func (c accountEndCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		id, err := h.accountID(ctx, c.Login)
		if err != nil {
			return err
		}
		if err := h.Accounts.End(ctx, id, !c.Undo); err != nil {
			return err
		}
		said := "may act no more"
		if c.Undo {
			said = "may act again"
		}
		_, err = fmt.Fprintf(sys.Out, "account %s: %s\n", c.Login, said)
		return err
	})
}

type accountResetCmd struct {
	settings
	Login string `arg:"" help:"Login or id of the account."`
}

func (accountResetCmd) Help() string {
	return `Prints a link, good once and for a day, with which the owner of an account chooses another password. The old one
holds until then. Works while "radagora serve" runs.

Example:

    radagora account reset mmeier`
}

// Run prints a link.
func (c accountResetCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		id, err := h.accountID(ctx, c.Login)
		if err != nil {
			return err
		}
		return c.printLink(ctx, sys.Out, h, id)
	})
}

type accountLinkCmd struct{ settings }

func (accountLinkCmd) Help() string {
	return `Prints the link with which a browser makes the first administrator, good once and for a day. One that was printed
before is good no more. Works while "radagora serve" runs.

Example:

    radagora account link --public-url https://dose.hospital.example`
}

// Run prints the link.
func (c accountLinkCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		token, none, err := h.Accounts.FirstLink(ctx)
		if err != nil {
			return err
		}
		if !none {
			return fault.Errorf(fault.Conflict, "there is an administrator already: an administrator who lost the password gets another by radagora account reset LOGIN")
		}
		_, err = fmt.Fprintf(sys.Out, "first administrator, good once and for a day: %s/first?token=%s\n", c.base(), token)
		return err
	})
}

type accountCommonCmd struct {
	settings
	Load   string `placeholder:"FILE" help:"Text file: a password a line, or its SHA-1 in hexadecimal, alone or before a colon and a count."`
	Remove bool   `help:"Remove the larger list again."`
}

func (accountCommonCmd) Help() string {
	return `Loads a larger list of common passwords, in place of one loaded before. Only the beginnings of their SHA-1 are kept,
eight bytes each, and looked up on disk. It takes effect when the program starts next.

Example:

    radagora account common-passwords --load pwned-passwords-sha1-ordered-by-count.txt`
}

// Run loads or removes the list.
func (c accountCommonCmd) Run(sys *system) error {
	name := filepath.Join(c.Data, commonName)
	switch {
	case c.Remove == (c.Load != ""):
		return wrong("account common-passwords: either --load FILE or --remove")
	case c.Remove:
		return os.Remove(name)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	f, err := os.Open(c.Load)
	if err != nil {
		return err
	}
	n, err := account.WriteCommon(f, name)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%d common passwords are refused from the next start on\n", n)
	return err
}
