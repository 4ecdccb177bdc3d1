package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
)

// Start is the guide of an empty installation: connect a scanner, drop a folder,
// load the demonstration.
type Start interface {
	Start(ctx context.Context, language string) (StartPage, error)
	// Changed returns a channel that gets a value whenever what the guide shows
	// has changed, until ctx ends.
	Changed(ctx context.Context) <-chan struct{}
	// Upload takes one file: a DICOM object, or an archive of them. It reads r to
	// its end. name is the file's own name without folders.
	Upload(ctx context.Context, who Person, name string, r io.Reader) (Uploaded, error)
	// Demo begins to load the demonstration; Conflict if it is being loaded.
	Demo(ctx context.Context, who Person) error
	// Cancel stops loading the demonstration.
	Cancel(ctx context.Context, who Person) error
}

// A StartPage is how far the connection of this installation has come.
type StartPage struct {
	AETitle   string
	Hosts     []string // addresses this machine answers on
	Port      int
	Listening bool
	Echo      *Seen // the first echo, nil while none came
	Report    *Seen // the first dose report
	Recent    []Seen
	Demo      *Work // while the demonstration loads
	DemoDone  bool
	Country   string // of the site, "" if not chosen
	Levels    int    // governing levels loaded
	Unmapped  int    // names that wait for a meaning
}

// A Seen is something that came through a door.
type Seen struct {
	At     time.Time
	From   string       // AE title
	Peer   string       // host
	What   lang.Message // "echo", "dose report of …"
	Path   string       // where to look at it, "" for nowhere
	Failed bool
}

// An Uploaded says what became of a file.
type Uploaded struct {
	Accepted int
	Known    int // had them already
	Refused  []RefusedFile
}

// A RefusedFile is a file that was not taken, and why.
type RefusedFile struct {
	Name string
	Why  lang.Message
}

// uploadLimit bounds one upload; what is larger goes through "radagora import".
const uploadLimit = 2 << 30

// startPage shows the guide.
func (s *server) startPage(v *visit) error { return v.showStart(nil) }

// showStart shows the guide, with what became of an upload.
func (v *visit) showStart(up *Uploaded) error {
	st, err := v.Start.Start(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.start"), lead: v.p.T("start.lead"), section: "/start"}, startBody(v, st, up))
}

// startEvents tells the guide to look again, as server-sent events (HTML Living
// Standard §9.2). It ends with the request; the browser asks again.
func (s *server) startEvents(v *visit) error { return v.events(s.Start.Changed(v.r.Context())) }

// events tells a page to look again each time changed has a value.
func (v *visit) events(changed <-chan struct{}) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	control := http.NewResponseController(v.w)
	_ = control.SetWriteDeadline(time.Time{}) // a server without deadlines has none to lift
	ctx := v.r.Context()
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	text := "retry: 2000\n\n"
	for {
		if _, err := io.WriteString(v.w, text); err != nil {
			return nil // the page was closed
		}
		if err := control.Flush(); err != nil {
			return nil // the page was closed
		}
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-changed:
			if !open {
				return nil
			}
			text = "event: changed\ndata: 1\n\n"
		case <-beat.C:
			text = ": still here\n\n"
		}
	}
}

// startUpload takes files one by one as they come, without keeping the form.
func (s *server) startUpload(v *visit) error {
	parts, err := v.r.MultipartReader()
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	var sum Uploaded
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		if part.FileName() == "" {
			continue
		}
		up, err := s.Start.Upload(v.r.Context(), v.who, fileName(part.FileName()), part)
		if err != nil {
			return err
		}
		sum.Accepted += up.Accepted
		sum.Known += up.Known
		sum.Refused = append(sum.Refused, up.Refused...)
	}
	return v.showStart(&sum)
}

// fileName returns the name of a file without its folders, on any system.
func fileName(name string) string { return path.Base(strings.ReplaceAll(name, `\`, "/")) }

// startDemo begins to load the demonstration.
func (s *server) startDemo(v *visit) error {
	if err := s.Start.Demo(v.r.Context(), v.who); err != nil {
		return err
	}
	return v.back("/start", "demo")
}

// startCancel stops loading it.
func (s *server) startCancel(v *visit) error {
	if err := s.Start.Cancel(v.r.Context(), v.who); err != nil {
		return err
	}
	return v.back("/start", "cancelled")
}
