package dimse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// Real peers that ask and are asked: findscu, movescu, getscu, dcmqrscp, wlmscpfs,
// termscu.

// shelved is a Retriever of specimens. Those with a native encoding are transcoded by
// writing them anew.
func shelved(all []specimen) []Object {
	var out []Object
	for _, s := range all {
		o := Object{
			SOPClass: s.SOPClass, SOPInstance: s.SOPInstance, TransferSyntax: s.TransferSyntax,
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s.data)), nil },
		}
		o.Transcode = func(_ context.Context, to []uid.UID) (Object, error) {
			f, err := dicom.ReadDataset(bytes.NewReader(s.data), s.TransferSyntax, nil)
			if err != nil {
				return Object{}, err
			}
			for _, syntax := range to {
				var b bytes.Buffer
				if dicom.Write(&b, f.Dataset, syntax) == nil {
					o := o
					o.TransferSyntax = syntax
					o.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(&b), nil }
					return o, nil
				}
			}
			return Object{}, fmt.Errorf("no way to %v", to)
		}
		out = append(out, o)
	}
	return out
}

// plainSpecimens returns the specimens that a receiver without codecs takes.
func plainSpecimens(t *testing.T) []specimen {
	var out []specimen
	for _, s := range specimens(t) {
		switch s.TransferSyntax {
		case uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian:
			if e, ok := uid.Lookup(s.SOPClass); ok && !e.Retired {
				out = append(out, s)
			}
		}
	}
	return out
}

func TestFindscu(t *testing.T) {
	var last atomic.Pointer[Query]
	finder := finderFunc(func(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error] {
		last.Store(q)
		if q.Identifier.Text(tag.PatientID) == "BAD" {
			return rows(t, 1, refuse(ClassMismatch, "no"))(ctx, q)
		}
		return rows(t, 500, nil)(ctx, q)
	})
	peer := host(t, serve(t, &Server{AETitle: "ARCHIVE", Find: finder, Worklist: finder}))
	for _, c := range []struct {
		name string
		args []string
		n    int
		want string
	}{
		{"study root", []string{"-S"}, 500, ""},
		{"patient root", []string{"-P"}, 500, ""},
		{"patient/study only", []string{"-O"}, 500, ""},
		{"worklist", []string{"-W"}, 500, ""},
		{"implicit VR", []string{"-S", "-xi"}, 500, ""},
		{"big endian", []string{"-S", "-xb"}, 500, ""},
		{"deflated", []string{"-S", "-xd"}, 500, ""},
		{"the smallest PDU", []string{"-S", "-pdu", "4096"}, 500, ""},
		{"cancelled after five", []string{"-S", "--cancel", "5"}, -5, ""},
		{"three times", []string{"-S", "--repeat", "3"}, 1500, ""},
		{"refused after one", []string{"-S", "-k", "PatientID=BAD"}, 1, "DataSetDoesNotMatchSOPClass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			last.Store(nil)
			args := append([]string{"-v", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName"}, c.args...)
			out, err := tool(t, "findscu", append(args, peer...)...)
			n := strings.Count(out, "Find Response: ")
			switch {
			case err != nil:
				t.Errorf("%v: %s", err, out)
			case c.n >= 0 && n != c.n, c.n < 0 && (n < -c.n || n >= 500):
				t.Errorf("%d answers; want %d", n, c.n)
			case !strings.Contains(out, c.want):
				t.Errorf("%s\nwant %s", out, c.want)
			case last.Load() == nil:
				t.Error("nobody was asked")
			case last.Load().Identifier.Text(tag.QueryRetrieveLevel) != "STUDY" || !last.Load().Identifier.Has(tag.PatientName):
				t.Error("another identifier came")
			}
		})
	}
	// A peer that wants to shut us down by dcmtk's own service.
	if out, err := tool(t, "termscu", peer...); err == nil && strings.Contains(out, "Shutting down") {
		t.Errorf("termscu: %s", out)
	}
	if out, err := tool(t, "echoscu", append([]string{"-aec", "ARCHIVE"}, peer...)...); err != nil {
		t.Errorf("echo after termscu: %v: %s", err, out)
	}
}

func TestGetscu(t *testing.T) {
	all := plainSpecimens(t)
	peer := host(t, serve(t, &Server{AETitle: "ARCHIVE", Retrieve: &giver{objects: shelved(all)}}))
	for _, c := range []struct {
		name string
		args []string
	}{
		{"as it likes", nil},
		{"implicit VR only", []string{"-xi"}},
		{"big endian first", []string{"-xb"}},
		{"bit by bit", []string{"+B"}},
		{"patient root, smallest PDU", []string{"-P", "-pdu", "4096"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			model := []string{"-S"}
			if len(c.args) > 0 && c.args[0] == "-P" {
				model = nil
			}
			args := append(append(model, "-v", "-aec", "ARCHIVE", "-od", dir, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"), c.args...)
			out, err := tool(t, "getscu", append(args, peer...)...)
			files, _ := os.ReadDir(dir)
			if err != nil || len(files) < len(all)-2 { // it knows not every class
				t.Errorf("%d files of %d; %v: %s", len(files), len(all), err, out)
			}
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(dir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				got, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
				if err != nil {
					t.Errorf("%s: %v", f.Name(), err)
					continue
				}
				for _, s := range all {
					if s.SOPInstance == got.UID(tag.SOPInstanceUID) && !bytes.Equal(pixels(t, s.data, s.TransferSyntax), pixels(t, b[got.Start:], got.TransferSyntax)) && got.TransferSyntax != uid.ExplicitVRBigEndian {
						t.Errorf("%s: other pixels in %s", f.Name(), got.TransferSyntax)
					}
				}
			}
		})
	}
}

func TestMovescu(t *testing.T) {
	all := plainSpecimens(t)
	to, dir := storescp(t, "-aet", "HARNESS")
	g := &giver{objects: shelved(all), to: to}
	peer := host(t, serve(t, &Server{AETitle: "ARCHIVE", Retrieve: g}))
	args := append([]string{"-d", "-S", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"}, peer...)
	out, err := tool(t, "movescu", append(args, "-aem", "HARNESS")...)
	files, _ := os.ReadDir(dir)
	if err != nil || len(files) != len(all) || !strings.Contains(out, "DIMSE Status                  : 0x0000") {
		t.Errorf("%d files of %d; %v: %s", len(files), len(all), err, out[max(0, len(out)-3000):])
	}
	out, _ = tool(t, "movescu", append(args, "-aem", "NOBODY")...)
	if !strings.Contains(out, "0xa801") {
		t.Errorf("an unknown destination: %s", out)
	}
	odd := Object{SOPClass: uid.CTImageStorage, SOPInstance: uid.Must("1.2.3.4.77"), TransferSyntax: uid.MPEG2MPML, Open: g.objects[0].Open}
	peer = host(t, serve(t, &Server{AETitle: "ARCHIVE", Retrieve: &giver{objects: append(shelved(all), odd), to: to}}))
	args = append([]string{"-d", "-S", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"}, peer...)
	out, _ = tool(t, "movescu", append(args, "-aem", "HARNESS")...)
	if !strings.Contains(out, "0xb000") || !strings.Contains(out, "[1.2.3.4.77]") || !strings.Contains(out, "Failed Suboperations          : 1") {
		t.Errorf("one that cannot be sent: %s", out[max(0, len(out)-3000):])
	}
	out, err = tool(t, "movescu", append(args, "-aem", "HARNESS", "--cancel", "3")...)
	if err != nil {
		t.Errorf("cancelled: %v: %s", err, out[max(0, len(out)-3000):])
	}
}

// daemon starts a server of dcmtk on a free port, which args must name as PORT, and
// returns its address.
func daemon(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s not found: install dcmtk", name)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for i, a := range args {
		if a == "PORT" {
			args[i] = host(t, addr)[1]
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "TCP_NODELAY=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	for range 1000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", name)
	return ""
}

// TestToDcmqrscp stores in dcmtk's archive, asks it, and has it send back both ways.
func TestToDcmqrscp(t *testing.T) {
	var back keeper
	to := serve(t, &Server{AETitle: "BACK", Store: &back})
	dir := t.TempDir()
	config := fmt.Sprintf(`NetworkTCPPort = 1
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
back = (BACK, 127.0.0.1, %s)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE %s RW (500, 1024mb) ANY
AETable END
`, host(t, to)[1], dir)
	name := filepath.Join(t.TempDir(), "dcmqrscp.cfg")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := daemon(t, "dcmqrscp", "-c", name, "PORT")
	all := plainSpecimens(t)
	propose := asking()
	var roles []Role
	for _, s := range all {
		if p := (Proposal{s.SOPClass, []uid.UID{uid.ExplicitVRLittleEndian}}); !hasProposal(propose, p) {
			propose = append(propose, p, Proposal{s.SOPClass, []uid.UID{uid.ImplicitVRLittleEndian}})
			roles = append(roles, Role{s.SOPClass, true, true})
		}
	}
	a := dial(t, addr, Config{Propose: propose, Roles: roles, Store: &back, Window: 4})
	studies := map[string]int{}
	for _, s := range all {
		s.Data = bytes.NewReader(s.data)
		st, err := a.Store(t.Context(), s.Outgoing)
		if err != nil {
			t.Fatalf("%s: %v", s.path, err)
		}
		if f, err := dicom.ReadDataset(bytes.NewReader(s.data), s.TransferSyntax, nil); st == Success && err == nil {
			studies[f.Text(tag.StudyInstanceUID)]++
		}
	}
	identifier := func(study string) *dicom.Dataset {
		ds, err := dicom.NewBuilder().Text(tag.QueryRetrieveLevel, "STUDY").Text(tag.StudyInstanceUID, study).Text(tag.PatientID).Dataset()
		if err != nil {
			t.Fatal(err)
		}
		return ds
	}
	n := 0
	for ds, err := range a.Find(t.Context(), findClass, identifier("")) {
		if err != nil {
			t.Fatal(err)
		}
		if studies[ds.Text(tag.StudyInstanceUID)] == 0 {
			t.Errorf("found a study that was not stored")
		}
		n++
	}
	if n != len(studies) || n < 5 {
		t.Errorf("%d studies found, %d stored", n, len(studies))
	}
	for study, want := range studies {
		if study == "" {
			continue
		}
		p, err := a.Move(t.Context(), moveClass, "BACK", identifier(study), nil)
		if err != nil || p.Completed+p.Warning != want {
			t.Errorf("move: %+v, %v; want %d", p, err, want)
		}
		p, err = a.Get(t.Context(), getClass, identifier(study), nil)
		if err != nil || p.Completed+p.Warning != want {
			t.Errorf("get: %+v, %v; want %d", p, err, want)
		}
	}
	for study := range studies {
		if p, err := a.Move(t.Context(), moveClass, "NOBODY", identifier(study), nil); p.Status != DestinationUnknown || err == nil {
			t.Errorf("a destination that nobody knows: %+v, %v", p, err)
		}
		break
	}
	for range a.Find(t.Context(), findClass, identifier("")) {
		break // and cancels
	}
	if st, err := a.Echo(t.Context()); err != nil || st != Success {
		t.Errorf("echo afterwards: %v, %v", st, err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestToWlmscpfs asks dcmtk's worklist.
func TestToWlmscpfs(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "WORKLIST")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	step := dicom.NewBuilder().Text(tag.Modality, "CT").Text(tag.ScheduledStationAETitle, "CT1").
		Text(tag.ScheduledProcedureStepStartDate, "20261122").Text(tag.ScheduledProcedureStepStartTime, "101500").
		Text(tag.ScheduledProcedureStepID, "S1").Text(tag.ScheduledProcedureStepDescription, "Head")
	ds, err := dicom.NewBuilder().Text(tag.PatientName, "Test^Step").Text(tag.PatientID, "W1").Text(tag.AccessionNumber, "A1").
		UID(tag.StudyInstanceUID, uid.Must("1.2.3.4")).Text(tag.RequestedProcedureID, "R1").Text(tag.RequestedProcedureDescription, "CT").
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, uid.Must("1.2.3.9")).
		Sequence(tag.ScheduledProcedureStepSequence, step).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"one.wl": b.Bytes(), "lockfile": nil} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := daemon(t, "wlmscpfs", "-dfp", dir, "-dfr", "PORT")
	class := uid.ModalityWorklistInformationModelFind
	a := dial(t, addr, Config{Called: "WORKLIST", Propose: []Proposal{{class, queryTypes}}, Options: map[uid.UID]Options{class: {Fuzzy: true}}})
	ask, err := dicom.NewBuilder().Text(tag.PatientName).Text(tag.PatientID).
		Sequence(tag.ScheduledProcedureStepSequence, dicom.NewBuilder().Text(tag.Modality, "CT").Text(tag.ScheduledProcedureStepID)).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := found(a.Find(t.Context(), class, ask))
	if err != nil || len(ids) != 1 || ids[0] != "W1" {
		t.Errorf("found %v, %v", ids, err)
	}
}

// keyFiles writes a certificate and its key as dcmtk takes them.
func keyFiles(t *testing.T, cert tls.Certificate) (key, crt string) {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, crt = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	for name, block := range map[string]*pem.Block{
		key: {Type: "PRIVATE KEY", Bytes: der}, crt: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key, crt
}

// TestQueryOverTLS: dcmtk's clients over TLS, and its receiver as a destination.
func TestQueryOverTLS(t *testing.T) {
	cert, pool := certificate(t)
	key, crt := keyFiles(t, cert)
	both := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	all := plainSpecimens(t)[:3]
	dir := t.TempDir()
	to := daemon(t, "storescp", "-od", dir, "-aet", "HARNESS", "+tls", key, crt, "+cf", crt, "PORT")
	g := &giver{objects: shelved(all), to: to, config: Config{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}}}
	peer := host(t, serve(t, &Server{AETitle: "ARCHIVE", Find: rows(t, 7, nil), Retrieve: g, TLS: both}))
	out, err := tool(t, "findscu", append([]string{"-v", "-S", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "+tls", key, crt, "+cf", crt}, peer...)...)
	if strings.Contains(out, "unknown option") {
		t.Skip("this findscu has no TLS")
	}
	if n := strings.Count(out, "Find Response: "); err != nil || n != 7 {
		t.Errorf("find: %d answers; %v: %s", n, err, out)
	}
	assoc := dial(t, peer[0]+":"+peer[1], Config{Propose: asking(), TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}})
	p, err := assoc.Move(t.Context(), moveClass, "HARNESS", row(t, 1), nil) // movescu and getscu have no TLS
	if err != nil || p.Completed != len(all) {
		t.Errorf("move: %+v, %v", p, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != len(all) {
		t.Errorf("move brought %d of %d", len(files), len(all))
	}
}
