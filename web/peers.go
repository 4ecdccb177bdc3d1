package web

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/web/face"
)

// Peers knows the DICOM applications around, those that are let in and those that
// knocked, and takes what people decide about them.
type Peers interface {
	Peers(ctx context.Context) (PeersPage, error)
	// Decide adds or changes a peer; a RefusalError for one that cannot be.
	Decide(ctx context.Context, p Peer) error
	// Remove forgets a peer: it knocks again when it calls.
	Remove(ctx context.Context, title string) error
	// Try calls a peer, sends a C-ECHO and asks which services it takes.
	Try(ctx context.Context, title string) (Trial, error)
}

// A Trial is what came of calling a peer.
type Trial struct {
	Word  string // peers.tried_… says it, peers.do_… what to do about it
	Took  time.Duration
	Said  string   // what the peer says it is
	Takes []string // of TriedStored and TriedServices
}

// What a trial asks a peer for: classes to store, and services. peers.service_… names
// them.
var (
	TriedStored   = []string{"ct", "mr", "cr", "dx", "mg", "xa", "us", "sc", "dose", "sr", "pdf"}
	TriedServices = []string{"find", "move", "get", "worklist", "mpps", "commitment"}
)

// A PeersPage is what the page shows.
type PeersPage struct {
	Doors  []DICOMDoor
	Peers  []Peer
	Knocks []Knock
	Open   bool // from this machine everybody is let in: a demonstration, or no sign-in
}

// A DICOMDoor is an address that listens for associations.
type DICOMDoor struct {
	Title, Address string
	TLS            bool
	Mutual         bool // peers show a certificate
}

// A Peer is a DICOM application.
type Peer struct {
	Title, Host string
	Port        int
	State       string // accepted, limited, blocked
	Addresses   []string
	TLS         bool
	Certificate string
	Note        string
	DecidedBy   string
	Decided     time.Time
	Last        time.Time
	Drops       []PeerRule // by which pixels of what it sends are dropped
}

// A Knock is a caller who was not let in.
type Knock struct {
	Title, Address, Called, Software string
	Offered                          []string // names of SOP classes
	Reason                           string
	First, Last                      time.Time
	Times                            int64
}

// peersPage shows peers and who knocked.
func (s *server) peersPage(v *visit) error { return v.showPeers(Peer{}, nil) }

// showPeers shows the page; p and wrong are a form it has to give back.
func (v *visit) showPeers(p Peer, wrong map[string]string) error {
	peers, err := v.Peers.Peers(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.peers"), lead: v.p.T("peers.lead"), section: "/settings/peers"}
	if wrong != nil {
		pg.status = 400
	} else if open := v.r.URL.Query().Get("open"); open != "" {
		for _, known := range peers.Peers {
			if known.Title == open {
				p = known
			}
		}
	}
	return v.show(pg, peersBody(v, peers, p, wrong))
}

// peersDecide takes what somebody decides about a peer.
func (s *server) peersDecide(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	p := Peer{
		Title: strings.TrimSpace(f.Get("title")), Host: strings.TrimSpace(f.Get("host")), State: f.Get("state"),
		Addresses: strings.FieldsFunc(f.Get("addresses"), func(c rune) bool { return c == ' ' || c == ',' || c == ';' || c == '\n' || c == '\r' }),
		TLS:       f.Get("tls") != "", Certificate: strings.ReplaceAll(strings.TrimSpace(f.Get("certificate")), ":", ""), Note: strings.TrimSpace(f.Get("note")),
	}
	var wrong map[string]string
	if port := strings.TrimSpace(f.Get("port")); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			wrong = map[string]string{"port": v.p.T("peers.wrong_port")}
		}
		p.Port = int(n)
	}
	if wrong == nil {
		err := s.Peers.Decide(v.r.Context(), p)
		if wrong = v.refused(err); wrong == nil && err != nil {
			return err
		}
	}
	if wrong != nil {
		return v.showPeers(p, wrong)
	}
	return v.back("/settings/peers", "peer_"+p.State)
}

// peersRemove forgets a peer.
func (s *server) peersRemove(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Peers.Remove(v.r.Context(), v.r.PostForm.Get("title")); err != nil {
		return err
	}
	return v.back("/settings/peers", "peer_removed")
}

// peersTry sends a C-ECHO.
func (s *server) peersTry(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	title := v.r.PostForm.Get("title")
	t, err := s.Peers.Try(v.r.Context(), title)
	if err != nil {
		return err
	}
	a := parseAddress("/settings/peers").with("open", title).with("tried", title).with("result", t.Word).with("ms", strconv.FormatInt(t.Took.Milliseconds(), 10)).
		with("said", t.Said).with("takes", strings.Join(t.Takes, " "))
	return redirectTo(a.String())(v)
}

// A triedPart is a line of what a peer takes: yes and no are words of the catalogue.
type triedPart struct {
	label   string
	yes, no []string
}

// triedParts says what a trial found out about services, nothing unless it came so far.
func (v *visit) triedParts() []triedPart {
	takes := strings.Fields(v.r.URL.Query().Get("takes"))
	if len(takes) == 0 {
		return nil
	}
	parts := []triedPart{{label: v.p.T("peers.tried_stores")}, {label: v.p.T("peers.tried_serves")}}
	for i, words := range [][]string{TriedStored, TriedServices} {
		for _, word := range words {
			name := v.p.T("peers.service_" + word)
			if slices.Contains(takes, word) {
				parts[i].yes = append(parts[i].yes, name)
			} else {
				parts[i].no = append(parts[i].no, name)
			}
		}
	}
	return parts
}

// peerTable lists the peers.
func (v *visit) peerTable(pg PeersPage) face.Table {
	t := face.Table{
		ID: "peers", Caption: v.p.T("peers.known"), Empty: face.Nothing(v.p.T("peers.empty"), v.p.T("peers.empty_text")),
		Columns: []face.Column{
			{Label: v.p.T("peers.title"), Phone: face.Name},
			{Label: v.p.T("peers.may"), Phone: face.Beside},
			{Label: v.p.T("peers.from")},
			{Label: v.p.T("peers.line")},
			{Label: v.p.T("peers.last")},
		},
	}
	here := v.here()
	for _, p := range pg.Peers {
		from := p.Addresses
		if p.Host != "" {
			host := p.Host
			if p.Port != 0 {
				host += ":" + strconv.Itoa(p.Port)
			}
			from = append([]string{host}, from...)
		}
		line := "peers.line_any"
		if p.TLS {
			line = "peers.line_tls"
		}
		last := v.p.T("peers.never")
		if !p.Last.IsZero() {
			last = v.p.DateTime(v.local(p.Last))
		}
		t.Rows = append(t.Rows, face.Row{
			ID: p.Title, Href: here.with("open", p.Title).String() + "#decide", Open: here.query.Get("open") == p.Title,
			Cells: []templ.Component{
				face.Words(p.Title, p.Note), face.Words(v.p.T("peers.state_"+p.State), ""), face.Words(strings.Join(from, ", "), ""),
				face.Words(v.p.T(line), ""), face.Words(last, ""),
			},
		})
	}
	return t
}
