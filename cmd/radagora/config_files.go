package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"

	"radagora/access"
	"radagora/dose"
	"radagora/site"
)

// A configuration is what makes one installation another than the next, as files
// have it: one for accounts and, for each site, one each for the site itself, its
// rooms, its peers, our titles, the levels that govern and what names mean. A part whose file is
// missing is nil and left alone. There are no secrets in it.
type configuration struct {
	Accounts  []accountEntry
	Sites     map[string]*siteEntries
	Elsewhere *elsewhere
}

// siteEntries are the files of one site.
type siteEntries struct {
	Site     *siteEntry
	Rooms    []roomEntry
	Machines []machineEntry
	Peers    []peerEntry
	Titles   []titleEntry
	Levels   []levelEntry
	Names    []nameEntry

	hasRooms, hasPeers, hasTitles, hasLevels, hasNames bool
}

type accountEntry struct {
	Login    string   `yaml:"login"`
	Name     string   `yaml:"name"`
	Mail     string   `yaml:"mail,omitempty"`
	Language string   `yaml:"language,omitempty"`
	Roles    []string `yaml:"roles"`
}

type siteEntry struct {
	Name     string `yaml:"name"`
	Country  string `yaml:"country"`
	Timezone string `yaml:"timezone"`
}

type roomEntry struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	Area string `yaml:"area,omitempty"`
}

type machineEntry struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name,omitempty"`
	Room string `yaml:"room,omitempty"`
	Into string `yaml:"into,omitempty"`
}

type peerEntry struct {
	Title       string   `yaml:"title"`
	State       string   `yaml:"state"`
	Host        string   `yaml:"host,omitempty"`
	Port        int      `yaml:"port,omitempty"`
	Addresses   []string `yaml:"addresses,omitempty"`
	TLS         bool     `yaml:"tls,omitempty"`
	Certificate string   `yaml:"certificate,omitempty"`
	Note        string   `yaml:"note,omitempty"`
}

type titleEntry struct {
	Title    string   `yaml:"title"`
	Services []string `yaml:"services"`
	Keep     string   `yaml:"keep,omitempty"`
	Callers  []string `yaml:"callers,omitempty"`
	Note     string   `yaml:"note,omitempty"`
}

type levelEntry struct {
	Set  string `yaml:"set"`
	Exam string `yaml:"exam,omitempty"`
	From string `yaml:"from"`
	To   string `yaml:"to,omitempty"`
	Note string `yaml:"note,omitempty"`
}

type nameEntry struct {
	Name       string `yaml:"name"`
	Source     string `yaml:"source"`
	Machine    string `yaml:"machine,omitempty"`
	Exam       string `yaml:"exam"`
	Indication string `yaml:"indication,omitempty"`
	KnownBy    string `yaml:"known_by,omitempty"`
	From       string `yaml:"from,omitempty"`
}

// The keys tell what is the same thing in files and installation.
func (e accountEntry) key() string { return e.Login }
func (e siteEntry) key() string    { return "" }
func (e roomEntry) key() string    { return e.ID }
func (e machineEntry) key() string { return e.ID }
func (e peerEntry) key() string    { return e.Title }
func (e titleEntry) key() string   { return e.Title }
func (e levelEntry) key() string   { return cmp.Or(e.Exam, "all") + " " + e.Set + " from " + e.From }

func (e nameEntry) key() string {
	key := e.Source + " " + e.Name
	if e.Machine != "" {
		key += " on " + e.Machine
	}
	if e.From != "" {
		key += " from " + e.From
	}
	return key
}

// The files, as they are written and read.
type (
	accountsFile struct {
		Accounts []accountEntry `yaml:"accounts"`
	}
	roomsFile struct {
		Rooms    []roomEntry    `yaml:"rooms"`
		Machines []machineEntry `yaml:"machines"`
	}
	peersFile struct {
		Peers []peerEntry `yaml:"peers"`
	}
	titlesFile struct {
		Titles []titleEntry `yaml:"titles"`
	}
	levelsFile struct {
		Levels []levelEntry `yaml:"levels"`
	}
	namesFile struct {
		Names []nameEntry `yaml:"names"`
	}
)

// What stands at the top of each file.
const (
	aboutAccounts = "Who may do what. Roles hold everywhere, or with @SITE at one site. How people prove\nwho they are is not in here; accounts of identity providers and machines are not either."
	aboutSite     = "The site: its name, its country (ISO 3166-1), its time zone (IANA)."
	aboutRooms    = "Rooms, and what was decided about machines: their names, the room they stand in\n(without one, their own), and the machine they really are (into)."
	aboutPeers    = "DICOM applications: accepted may send and ask, limited may send, blocked may nothing."
	aboutTitles   = "Further titles of ours. Services: store, find, retrieve, worklist, mpps, commitment; keep: reports\ntakes no images; callers: the peers that may call it, without any every peer that is let in."
	aboutLevels   = "Which sets of reference levels govern, from which day on. What governed is not\nremoved but ended (to)."
	aboutNames    = "What the names of procedures and protocols mean."
)

// maxConfigFile bounds a file that is read.
const maxConfigFile = 16 << 20

// save writes the files into a folder, which may hold older ones.
func (c *configuration) save(dir string) error {
	if err := saveFile(dir, "accounts.yaml", aboutAccounts, accountsFile{some(c.Accounts)}); err != nil {
		return err
	}
	if err := saveFile(dir, elsewhereFile, aboutElsewhere, c.Elsewhere.written()); err != nil {
		return err
	}
	for id, s := range c.Sites {
		in := path.Join("sites", id)
		err := errors.Join(
			saveFile(dir, path.Join(in, "site.yaml"), aboutSite, s.Site),
			saveFile(dir, path.Join(in, "rooms.yaml"), aboutRooms, roomsFile{some(s.Rooms), some(s.Machines)}),
			saveFile(dir, path.Join(in, "peers.yaml"), aboutPeers, peersFile{some(s.Peers)}),
			saveFile(dir, path.Join(in, "titles.yaml"), aboutTitles, titlesFile{some(s.Titles)}),
			saveFile(dir, path.Join(in, "levels.yaml"), aboutLevels, levelsFile{some(s.Levels)}),
			saveFile(dir, path.Join(in, "names.yaml"), aboutNames, namesFile{some(s.Names)}),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// some returns a list that is written as [] when it is empty.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// saveFile writes one file: names of colleagues are nobody else's business.
func saveFile(dir, name, about string, v any) error {
	var b bytes.Buffer
	for line := range bytes.SplitSeq([]byte(about), []byte("\n")) {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	text, err := yaml.MarshalWithOptions(v, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	b.Write(text)
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// siteFolder is what the folder of a site may be called.
var siteFolder = regexp.MustCompile(`\A[0-9a-z][0-9a-z-]{0,63}\z`)

// loadConfiguration reads the files of a folder. It refuses files it does not know,
// keys nobody knows and things that stand twice, with file and line.
func loadConfiguration(dir string) (*configuration, error) {
	c := &configuration{Sites: map[string]*siteEntries{}}
	read := 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return trimPath(err, filepath.Join(dir, name))
		case d.IsDir() && name != "." && d.Name()[0] == '.':
			return fs.SkipDir // of git and the like
		case d.IsDir(), d.Name()[0] == '.':
			return nil
		}
		read++
		return c.load(dir, name)
	})
	if err == nil && read == 0 {
		err = fmt.Errorf("%s: there are no files", dir)
	}
	return c, err
}

// load reads one file.
func (c *configuration) load(dir, name string) error {
	file := filepath.Join(dir, filepath.FromSlash(name))
	if name == "accounts.yaml" {
		var f accountsFile
		err := decodeFile(file, &f)
		c.Accounts = some(f.Accounts)
		return errors.Join(err, once(file, f.Accounts))
	}
	if name == elsewhereFile {
		c.Elsewhere = &elsewhere{}
		return c.Elsewhere.load(file)
	}
	folder, base := path.Split(name)
	id := path.Base(folder)
	if path.Clean(folder) != path.Join("sites", id) || !siteFolder.MatchString(id) {
		return fmt.Errorf("%s: want accounts.yaml, elsewhere.yaml, or site.yaml, rooms.yaml, peers.yaml, titles.yaml, levels.yaml or names.yaml in sites/ID", file)
	}
	s := c.Sites[id]
	if s == nil {
		s = &siteEntries{}
		c.Sites[id] = s
	}
	return s.load(file, base)
}

// load reads one file of a site.
func (s *siteEntries) load(file, base string) error {
	switch base {
	case "site.yaml":
		s.Site = &siteEntry{}
		return decodeFile(file, s.Site)
	case "rooms.yaml":
		var f roomsFile
		err := decodeFile(file, &f)
		s.Rooms, s.Machines, s.hasRooms = f.Rooms, f.Machines, true
		return errors.Join(err, once(file, f.Rooms), once(file, f.Machines))
	case "titles.yaml":
		var f titlesFile
		err := decodeFile(file, &f)
		s.Titles, s.hasTitles = f.Titles, true
		return errors.Join(err, once(file, f.Titles))
	case "peers.yaml":
		var f peersFile
		err := decodeFile(file, &f)
		s.Peers, s.hasPeers = f.Peers, true
		return errors.Join(err, once(file, f.Peers))
	case "levels.yaml":
		var f levelsFile
		err := decodeFile(file, &f)
		s.Levels, s.hasLevels = f.Levels, true
		return errors.Join(err, once(file, f.Levels))
	case "names.yaml":
		var f namesFile
		err := decodeFile(file, &f)
		s.Names, s.hasNames = f.Names, true
		return errors.Join(err, once(file, f.Names))
	}
	return fmt.Errorf("%s: a site has site.yaml, rooms.yaml, peers.yaml, titles.yaml, levels.yaml and names.yaml", file)
}

// decodeFile reads YAML strictly.
func decodeFile(file string, v any) error {
	info, err := os.Stat(file)
	if err != nil {
		return trimPath(err, file)
	}
	if info.Size() > maxConfigFile {
		return fmt.Errorf("%s: %d bytes are more than %d", file, info.Size(), maxConfigFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return trimPath(err, file)
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v)
	if located := yaml.Error(nil); errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", file, located.GetToken().Position.Line, located.GetMessage())
	} else if err != nil && len(bytes.TrimSpace(text)) > 0 {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// once refuses what stands twice in one list.
func once[T interface{ key() string }](file string, list []T) error {
	seen := map[string]bool{}
	for _, e := range list {
		if seen[e.key()] {
			return fmt.Errorf("%s: %q stands there twice", file, e.key())
		}
		seen[e.key()] = true
	}
	return nil
}

// sorted sorts by key.
func sorted[T interface{ key() string }](list []T) []T {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(a.key(), b.key()) })
	return list
}

// accountOf returns an account as files have it, false for one they do not have:
// the local user, those of identity providers and machines, who have no login, and
// those of patients.
func accountOf(u access.User) (accountEntry, bool) {
	e := accountEntry{Login: u.Login, Name: u.Name, Mail: u.Mail, Language: u.Language, Roles: []string{}}
	for _, g := range u.Grants {
		e.Roles = append(e.Roles, writeGrants([]access.Grant{g}))
	}
	slices.Sort(e.Roles)
	machine := slices.ContainsFunc(u.Grants, func(g access.Grant) bool { return g.Role == access.Peer || g.Role == access.Patient })
	return e, u.ID != access.Local && u.Login != "" && u.Patient == "" && !machine
}

func peerEntryOf(p site.Peer) peerEntry {
	return peerEntry{
		Title: p.AETitle, State: string(p.State), Host: p.Host, Port: p.Port, Addresses: p.Addresses,
		TLS: p.TLS, Certificate: p.Certificate, Note: p.Note,
	}
}

func (e peerEntry) peer(siteID string) site.Peer {
	return site.Peer{
		Site: siteID, AETitle: e.Title, State: site.PeerState(e.State), Host: e.Host, Port: e.Port, Addresses: e.Addresses,
		TLS: e.TLS, Certificate: e.Certificate, Note: e.Note,
	}
}

func titleEntryOf(t site.Title) titleEntry {
	e := titleEntry{Title: t.AETitle, Keep: string(t.Keep), Callers: t.Callers, Note: t.Note}
	for _, s := range t.Services {
		e.Services = append(e.Services, string(s))
	}
	return e
}

func (e titleEntry) self(siteID string) site.Title {
	t := site.Title{Site: siteID, AETitle: e.Title, Keep: site.Keep(e.Keep), Callers: e.Callers, Note: e.Note}
	for _, s := range e.Services {
		t.Services = append(t.Services, site.Service(s))
	}
	return t
}

func levelOf(g dose.Governing) levelEntry {
	return levelEntry{Set: g.Set, Exam: g.Exam, From: g.From, To: g.To, Note: g.Note}
}

// always is the day from which a mapping holds that names none.
const always = "0001-01-01"

func nameOf(m dose.Mapping) nameEntry {
	e := nameEntry{
		Name: m.Name, Source: string(m.Source), Machine: m.Machine, Exam: m.Exam,
		Indication: m.Indication, KnownBy: string(m.KnownBy), From: m.ValidFrom,
	}
	if e.From == always {
		e.From = ""
	}
	return e
}

func (e nameEntry) mapping(siteID string) dose.Mapping {
	return dose.Mapping{
		Site: siteID, Name: e.Name, Source: dose.NameSource(e.Source), Machine: e.Machine, Exam: e.Exam,
		Indication: e.Indication, KnownBy: dose.KnownBy(e.KnownBy), ValidFrom: cmp.Or(e.From, always),
	}
}
