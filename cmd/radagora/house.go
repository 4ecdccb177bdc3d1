package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/access/idp"
	"radagora/access/privacy"
	"radagora/access/repeat"
	"radagora/access/token"
	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/audit"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/backup"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/blob/s3"
	"radagora/connect"
	"radagora/content"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/embryo"
	"radagora/dose/entry"
	"radagora/dose/protocol"
	"radagora/dose/quality"
	"radagora/dose/reject"
	"radagora/dose/review"
	shelf "radagora/dose/view"
	"radagora/equipment"
	"radagora/evidence"
	"radagora/finding"
	"radagora/form"
	"radagora/form/survey"
	"radagora/incident"
	"radagora/job"
	"radagora/journal"
	"radagora/lang"
	"radagora/maturity"
	"radagora/notice"
	"radagora/notice/feed"
	"radagora/outgoing"
	"radagora/person"
	"radagora/record"
	"radagora/site"
	"radagora/worklist"
)

// A house is an installation with its rooms open.
type house struct {
	DB        *db.DB
	Content   *content.Library
	Journal   *journal.Journal
	Reads     *journal.Reads
	Sites     *site.Register
	Users     *access.Users
	Accounts  *account.Register
	Tokens    *token.Register
	Repeated  *repeat.Register // requests that programs may send again
	Providers *idp.Providers   // of identity
	Out       *outgoing.Client // calls other machines
	Facts     *access.Facts    // who has to do with whom, and what persons asked for
	Judge     *access.Judge
	Findings  *finding.Register
	Packs     *disk.Store // on the disk here
	Tier      *s3.Tier    // packs here and in an object store; nil without one
	Blobs     blob.Packs  // all packs
	Second    blob.Packs  // copies of packs in another place; nil without one
	Archive   *archive.Archive
	Persons   *person.Register
	Exchange  *exchange.Exchange // passes studies on to peers
	Worklist  *worklist.Register
	records   *record.Book      // resources of FHIR that no room projects
	Connect   *connect.Register // messages of other systems
	Dose      *dose.Ledger
	Entered   *entry.Book // doses that no device sent
	Quality   *quality.Bench
	Rejects   *reject.Desk       // rejected exposures
	Embryo    *embryo.Book       // worksheets of the dose to an embryo or fetus
	Review    *review.Desk       // cases
	Incidents *incident.Register // what went wrong or nearly did
	Surveys   *survey.Desk       // what many people are asked once
	links     string             // how addresses begin that leave
	Protocols *protocol.Register // of scanners
	Shelf     *shelf.Shelf       // saved views of doses
	Maturity  *maturity.Book     // and quality stars
	Evidence  *evidence.Registry
	Audits    *audit.Desk             // clinical audits
	Documents *document.Register      // protocols, procedures, manuals
	Qualified *qualification.Register // who may do what, and until when
	Equipment *equipment.Register     // age and tests of machines
	Forms     *form.Desk
	Backup    *backup.Keeper
	Jobs      *job.Queue
	Notices   *notice.Notices
	Feed      *feed.Feed    // tells systems of changes
	Observer  *observer     // looks at how the installation stands
	Privacy   *privacy.Desk // duties of data protection
	Log       *slog.Logger
	Now       func() time.Time

	care     journalCare
	data     string   // folder
	beside   bool     // another process serves from it: no object is kept here
	pass     [32]byte // by which this process recognises itself at its own door
	anyLocal bool     // DICOM applications on this machine may ask without being known (--no-auth, --demo)
	commits  sync.Map // whether a peer, by site and title, offered storage commitment when it was last sent to
	secure   tlsDoors // our certificate, and who vouches for those of peers
	close    []func() error
}

// open opens the rooms in the order in which they need each other. The caller
// closes the house.
func (s settings) open(ctx context.Context, sys *system) (h *house, err error) {
	h = &house{Log: sys.Log, Now: sys.Now, data: s.Data, pass: newPass(), anyLocal: s.NoAuth || s.demo}
	defer func() {
		if err != nil {
			err = s.fullDisk(errors.Join(err, h.Close()))
			h = nil
		}
	}()
	if h.secure, err = s.tls(ctx, sys); err != nil { // whatever works behind the doors calls peers
		return h, err
	}
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return h, fmt.Errorf("data folder: %w", err)
	}
	if err := backup.Ready(s.Data); err != nil && !s.restoring {
		return h, err
	}
	if err := s.openPacks(ctx, h, sys); err != nil {
		return h, err
	}
	if !h.beside {
		if err := h.sweep(); err != nil {
			return h, err
		}
	}
	if h.Content, err = s.content(); err != nil {
		return h, err
	}
	dsn := s.DB
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(s.Data, "radagora.db")
	}
	if h.DB, err = db.Open(ctx, dsn, db.Options{Log: sys.Log, BeforeUpdate: s.copyFirst(h, sys), Settled: h.beside}); err != nil {
		return h, err
	}
	h.close = append(h.close, h.DB.Close)
	if err := h.furnish(ctx, s); err != nil {
		return h, err
	}
	if h.Backup, err = s.keeper(ctx, h, sys); err != nil {
		return h, err
	}
	h.Observer = h.observer(s, newClockWatch(h.Now))
	h.Observer.storage, h.Observer.messages = h.storageState(s), h.messageState
	h.scheduleStorage(s)
	h.storageNow(s)
	return h, h.desk(ctx, s)
}

// sweep removes what a crash left of uploads. The lock of the packs says that
// nobody else is at work here.
func (h *house) sweep() error {
	left, err := fs.Glob(os.DirFS(h.data), uploads)
	for _, name := range left {
		err = errors.Join(err, os.Remove(filepath.Join(h.data, name)))
	}
	return err
}

// furnish opens the rooms that rest on the database.
func (h *house) furnish(ctx context.Context, s settings) error {
	key, err := keyFile(filepath.Join(s.Data, "journal.key")) // wraps the keys of persons
	if err != nil {
		return err
	}
	holder := holderName()
	o := journal.Options{MasterKey: key, Log: h.Log, Now: h.Now, Holder: holder, LeaseTTL: leaseTTL, Whence: whence}
	if err := signing(&o, s.Data); err != nil {
		return err
	}
	if h.Journal, err = journal.Open(ctx, h.DB, o); err != nil {
		return err
	}
	h.Reads = journal.NewReads(h.Journal)
	if h.Sites, err = site.Open(ctx, h.DB, h.Journal, h.Now); err != nil {
		return err
	}
	if h.Users, err = access.Open(ctx, h.DB, h.Now); err != nil {
		return err
	}
	rules, err := access.NewRules(h.Content)
	if err != nil {
		return err
	}
	h.Facts = &access.Facts{DB: h.DB, Journal: h.Journal, Now: h.Now, Peers: h.mayQuery, Mark: exclusions(key)}
	h.Judge = &access.Judge{Rules: rules, Facts: h.Facts, Now: h.Now, Open: s.NoAuth}
	if err := h.admit(ctx, s, key); err != nil {
		return err
	}
	if err := h.tell(ctx, s, key); err != nil {
		return err
	}
	if h.Repeated, err = repeat.Open(ctx, h.DB, key, h.Now); err != nil {
		return err
	}
	if h.Findings, err = finding.Open(ctx, h.DB, h.Journal, h.Now); err != nil {
		return err
	}
	hide, err := minimiser(key, h.Content)
	if err != nil {
		return err
	}
	notes, err := titles(h.Content)
	if err != nil {
		return err
	}
	h.Archive, err = archive.New(ctx, archive.Config{
		Titles:   notes,
		Minimise: hide, Minimised: s.Minimise,
		DB: h.DB, Blobs: h.Blobs, Second: h.Second, Admit: s.admit(h), Grace: time.Duration(s.TrashDays) * 24 * time.Hour, Journal: h.Journal, Machines: machines{h.Sites}, Log: h.Log, Now: h.Now,
		Erased: func(ctx context.Context, tx *db.Tx, siteID, study string, whole bool) error {
			return h.Dose.Erased(ctx, tx, siteID, study, whole)
		},
		Arrived: h.Facts.Arrived,
	})
	if err != nil {
		return err
	}
	h.Jobs.Handle(referralJob, h.referralsOf, job.Limit(time.Hour))
	h.Jobs.Handle(commitmentJob, committer{librarian{house: h, site: at}}.later, job.Limit(5*time.Minute))
	if err := h.openExchange(ctx, s); err != nil {
		return err
	}
	bounds, err := boundsOf(h.Content)
	if err != nil {
		return err
	}
	h.Persons, err = person.Open(ctx, person.Config{
		DB: h.DB, Journal: h.Journal, Facts: h.Facts, Faces: faces{h.Archive}, Bounds: bounds, Now: h.Now, Log: h.Log,
		Mark: marked(key, "resource"), Named: h.named, Key: h.Archive.Key, Nameless: h.Archive.Minimise != nil, Noted: h.noted,
		Headers: headers{h}, Holder: holder,
	})
	if err != nil {
		return err
	}
	h.Worklist, err = worklist.Open(ctx, worklist.Config{
		DB: h.DB, Journal: h.Journal, Sites: h.Sites, Studies: ordered{h.Archive}, Person: archive.Person, Fold: archive.Fold,
		Images: h.imagesOf, Keys: h.Persons.KeysIn, Now: h.Now, Random: rand.Reader, Log: h.Log, Holder: holder, Reports: reporter{h}, Nameless: h.Archive.Minimise != nil,
		Face: connect.Faces{People: h.Persons, Key: archive.Person, Bounds: bounds, Now: h.Now}.Of,
	})
	if err != nil {
		return err
	}
	if err := h.openRecords(ctx); err != nil {
		return err
	}
	catalogue, err := lang.Open()
	if err != nil {
		return err
	}
	h.Connect, err = connect.Open(ctx, connect.Config{
		DB: h.DB, Journal: h.Journal, Jobs: h.Jobs, Content: h.Content, Sites: h.Sites, People: h.Persons, Orders: h.Worklist,
		Key: archive.Person, Judge: h.Judge, Bounds: bounds, Stations: h.stationsOf, Now: h.Now, Log: h.Log,
		Nameless: h.Archive.Minimise != nil, Open: h.anyLocal, Doses: doseTeller{h, catalogue}, Records: reporter{h}, Line: h.receiverLine(),
	})
	if err != nil {
		return err
	}
	thresholds, err := dose.LoadThresholds(h.Content, site.Default)
	if err != nil {
		return err
	}
	h.Dose = &dose.Ledger{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Objects: objects{h.Archive}, Machines: h.Sites,
		Reader: dose.Reader{Thresholds: thresholds}, Log: h.Log, Now: h.Now, Holder: holder, Person: archive.Person,
		Orders: ordering{h}, Sizes: sizing{h}, Images: objects{h.Archive}, Pixels: true, Zone: h.zoneOf, Root: h.rootOf,
	}
	h.Entered = &entry.Book{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Machines: h.Sites, Ledger: h.Dose, Now: h.Now, Person: archive.Person,
	}
	h.Dose.Entries, h.Dose.Screens = h.Entered, screening{h}
	if err := h.DB.Migrate(ctx, "entry", entry.Migrations()); err != nil {
		return err
	}
	if err := h.DB.Migrate(ctx, "dose", dose.Migrations()); err != nil {
		return err
	}
	h.Protocols = &protocol.Register{DB: h.DB, Journal: h.Journal, Content: h.Content, Findings: h.Findings, Now: h.Now}
	h.Dose.Derived = h.Protocols.Derived
	if err := h.DB.Migrate(ctx, "protocol", protocol.Migrations()); err != nil {
		return err
	}
	if err := h.openQuality(ctx); err != nil {
		return err
	}
	if err := h.openReject(ctx); err != nil {
		return err
	}
	if err := h.openEmbryo(ctx); err != nil {
		return err
	}
	if err := h.openIncidents(ctx); err != nil {
		return err
	}
	if err := h.openReview(ctx); err != nil {
		return err
	}
	if h.Evidence, err = evidence.Open(h.Content, h.Now); err != nil {
		return err
	}
	if err := h.openAudit(ctx); err != nil {
		return err
	}
	if err := h.openDocuments(ctx); err != nil {
		return err
	}
	if err := h.openEquipment(ctx); err != nil {
		return err
	}
	if err := h.openForms(ctx); err != nil {
		return err
	}
	if err := h.openSurveys(ctx, s); err != nil {
		return err
	}
	if err := h.openMaturity(ctx); err != nil {
		return err
	}
	if err := h.openShelf(ctx, s); err != nil {
		return err
	}
	if err := h.Evidence.Register(h.Incidents.Facts()...); err != nil {
		return err
	}
	if err := h.Evidence.Register(h.Surveys.Facts()...); err != nil {
		return err
	}
	if err := h.Evidence.Register(h.Rejects.Facts()...); err != nil {
		return err
	}
	if err := h.Evidence.Register(append(h.Audits.Facts(), h.facts()...)...); err != nil {
		return err
	}
	if err := h.Evidence.Register(append(h.Quality.Facts(), h.Review.Facts()...)...); err != nil {
		return err
	}
	return h.Evidence.Register(h.Dose.Facts(h.roomsOf)...)
}

// admit opens the rooms that know how people and machines prove who they are.
func (h *house) admit(ctx context.Context, s settings, key [32]byte) (err error) {
	if h.Out, err = outgoing.New(s.outgoing(h.Log)); err != nil {
		return err
	}
	if err := h.openAccounts(ctx, s, key); err != nil {
		return err
	}
	h.Tokens, err = token.Open(ctx, token.Options{
		DB: h.DB, Users: h.Users, Journal: h.Journal, HTTP: h.Out.HTTP(), Now: h.Now, Log: h.Log, Audience: s.audience(),
		Issuer: s.base(), Key: key, Live: h.live,
	})
	if err != nil {
		return err
	}
	return h.openProviders(ctx, s, key)
}

// Close closes the rooms in the opposite order.
func (h *house) Close() error {
	var all []error
	for _, room := range slices.Backward(h.close) {
		all = append(all, room())
	}
	return errors.Join(all...)
}

// content loads what is embedded, what the folder content of the data folder puts
// in its place, and what sites/ID/content puts in the place of that for one site.
func (s settings) content() (*content.Library, error) {
	var sources []content.Source
	add := func(folder string, source content.Source) {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			source.FS = os.DirFS(folder)
			sources = append(sources, source)
		}
	}
	add(filepath.Join(s.Data, "content"), content.Source{Origin: content.Installation})
	sites, err := os.ReadDir(filepath.Join(s.Data, "sites"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, d := range sites {
		add(filepath.Join(s.Data, "sites", d.Name(), "content"), content.Source{Origin: content.Site, Site: d.Name()})
	}
	return content.Open(sources...)
}

// writeKey writes a key so that it is there whole or not at all.
func writeKey(name string, key [32]byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".key-*")
	if err != nil {
		return err
	}
	_, err = f.Write(key[:])
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a change of names in a folder durable, where there is a way to: not
// on Windows.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// leaseTTL is how long work rests after a crash before it is taken up again.
const leaseTTL = 5 * time.Second

// holderName names this process in leases.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// machines lets the archive learn machines. What a report says of its machine is
// in its tree and not in its header; dose reads it there.
type machines struct{ *site.Register }

// Seen implements archive.Machines.
func (m machines) Seen(ctx context.Context, tx *db.Tx, e archive.Equipment) (string, error) {
	if e.Modality == "SR" {
		return "", nil
	}
	var software []string
	if e.SoftwareVersions != "" {
		software = []string{e.SoftwareVersions}
	}
	seen, err := m.Register.Seen(ctx, tx, site.Equipment{
		Site: e.Site, Serial: e.SerialNumber, Manufacturer: e.Manufacturer, Model: e.Model,
		Station: e.StationName, AETitle: e.CallingAE, Software: software, Modality: e.Modality,
	})
	return seen.MachineID, err
}

// objects lets dose open instances of the archive.
type objects struct{ *archive.Archive }

// Open implements dose.Objects.
func (o objects) Open(ctx context.Context, siteID string, sop uid.UID) (*dicom.File, io.Closer, error) {
	object, err := o.Archive.Open(ctx, siteID, sop)
	if err != nil {
		return nil, nil, err
	}
	f, err := object.Read(nil)
	if err != nil {
		return nil, nil, errors.Join(err, object.Close())
	}
	return f, object, nil
}

// Images implements dose.Images.
func (o objects) Images(ctx context.Context, siteID, study string) ([]dose.Image, error) {
	listed, err := o.Listed(ctx, siteID, study)
	all := make([]dose.Image, len(listed))
	for i, l := range listed {
		all[i] = doseImageOf(l)
	}
	return all, err
}

// doseImageOf is what the archive knows of an image, for the doses.
func doseImageOf(l archive.Listed) dose.Image {
	i := dose.Image{SOP: l.SOP, Class: l.SOPClass, Series: l.Series, ReceivedAt: l.ReceivedAt}
	if l.Acquisition != nil {
		i.Acquisition = strconv.FormatInt(*l.Acquisition, 10)
	}
	return i
}
