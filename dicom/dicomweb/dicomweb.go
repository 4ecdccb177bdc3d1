// Package dicomweb speaks DICOM over HTTP.
//
// A Handler answers the Studies Service of PS3.18 chapter 10 (QIDO-RS, WADO-RS,
// STOW-RS), the URI Service of chapter 9 (WADO-URI) and the capabilities of 8.9.
// It knows how a request is read, negotiated and answered; what there is to answer
// it asks of the small interfaces that its fields hold. One that is nil takes its
// resources away, and the capabilities say so.
//
// Nothing is ever held whole in memory: parts of a request go on as they arrive,
// parts of an answer are copied from where they lie. An answer that fails in the
// middle is cut off, never ended as if it were complete.
//
// Who asks and what they may see is the business of whoever fills the interfaces:
// an error of kind Forbidden becomes 403, NotFound 404. Errors are answered with
// their text, so it must hold no patient data.
//
// The package does no I/O but the request it answers, and decodes no pixels.
package dicomweb

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"radagora/dicom"
	"radagora/dicom/uid"
)

// A Level is what the rows of an answer are: as in C-FIND, PS3.4 C.6.
type Level string

// The levels at which QIDO-RS searches.
const (
	Study  Level = "STUDY"
	Series Level = "SERIES"
	Image  Level = "IMAGE"
)

// A Query is a search (PS3.18 10.6). Keys is an identifier as in C-FIND (PS3.4
// C.2.2.2): an element with a value asks, an empty one returns. Those that the
// standard wants in each row are among them, and so are the UIDs of the path.
type Query struct {
	Level         Level
	Keys          *dicom.Dataset
	All           bool // includefield=all
	Fuzzy         bool // fuzzymatching=true
	Offset, Limit int  // Limit is never 0
}

// A Finder searches.
type Finder interface {
	// Find yields the rows that match, in an order that does not change between
	// two calls. After an error it ends.
	Find(ctx context.Context, q Query) iter.Seq2[*dicom.Dataset, error]
}

// A Counter is a Finder that can say how many rows match without finding them all.
type Counter interface {
	// Count returns how many rows Find would yield without Offset and Limit.
	Count(ctx context.Context, q Query) (int64, error)
}

// A Scope is what a path names. The zero UID names everything.
type Scope struct{ Study, Series, Instance uid.UID }

// An Instance is a stored object as far as it must be known to answer.
type Instance struct {
	Study, Series, SOP uid.UID
	SOPClass           uid.UID
	TransferSyntax     uid.UID // as it is stored
	Length             int64   // of the file, in bytes
	Received           time.Time
	Digest             string // what changes when the bytes do, for the entity tag; "" if unknown
	NumberOfFrames     int    // 0 if unknown
	Private            any    // whatever the Objects like to know it by
}

// An Object is the file of an instance (PS3.10). ReadAt may be called concurrently.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Objects gives access to what is stored.
type Objects interface {
	// Select yields the instances of a scope in the order in which a person would
	// look at them. There being none is no error of its own. It notes that somebody
	// reads, and fails with Forbidden where they may not.
	Select(ctx context.Context, at Scope) iter.Seq2[Instance, error]
	// Open opens an instance that Select yielded.
	Open(ctx context.Context, i Instance) (Object, error)
}

// Frames is the pixel data of an instance, frame by frame.
type Frames interface {
	io.Closer
	N() int // how many there are
	// Open returns the bytes of a frame, counted from 1, as they are stored, and how
	// many they are. NotFound: there is no such frame.
	// Whoever opened it closes it.
	Open(ctx context.Context, n int) (io.ReadCloser, int64, error)
}

// A Framer finds frames without reading whole objects.
type Framer interface {
	Frames(ctx context.Context, i Instance) (Frames, error)
}

// A Block is the metadata of a series: an array of instances in the DICOM JSON
// model, in which each BulkDataURI is relative to the series, such as
// instances/1.2.3/bulkdata/7FE00010. What goes out has absolute addresses, which
// every client can follow.
type Block struct {
	Gzip []byte // compressed
	ETag string // changes when the block does
}

// Metadata has the metadata of whole series ready.
type Metadata interface {
	// Metadata returns a series. NotFound: there is none.
	Metadata(ctx context.Context, study, series uid.UID) (Block, error)
	// Series returns the series of a study in order.
	Series(ctx context.Context, study uid.UID) ([]uid.UID, error)
}

// A Transcoder gives pixels in another transfer syntax.
type Transcoder interface {
	// Can reports whether pixels stored in one syntax can be given in another.
	Can(from, to uid.UID) bool
	// Transcode writes the instance as a file in the syntax to. Errors before the
	// first byte: Unsupported, if these pixels cannot be.
	Transcode(ctx context.Context, w io.Writer, i Instance, o Object, to uid.UID) error
	// Frame returns one frame, as it is stored, in the syntax to.
	Frame(ctx context.Context, i Instance, o Object, n int, stored []byte, to uid.UID) ([]byte, error)
}

// A Rendering is how a picture is wanted (PS3.18 8.3.5).
type Rendering struct {
	MediaType  string // image/jpeg, image/png or image/gif
	Quality    int    // of JPEG, 1 to 100; 0 if not said
	Window     *Window
	Viewport   Viewport
	Annotation bool // patient or technique are to be burnt in; nobody does, and that is told
	ICCProfile string
	Thumbnail  bool
}

// A Window is a VOI window (PS3.3 C.11.2).
type Window struct {
	Center, Width float64
	Function      string // LINEAR, LINEAR_EXACT or SIGMOID
}

// A Viewport is the size in pixels that the picture must fit into and the part of
// the image that is shown. Zeros stand for what was not said.
type Viewport struct {
	Width, Height int
	X, Y          float64 // of the part, from the upper left
	Columns, Rows float64 // of the part; negative ones flip it
	Fraction      bool    // X, Y, Columns and Rows are fractions of the image, not pixels
}

// A Renderer makes pictures.
type Renderer interface {
	// Types are the media types it can make, the preferred first.
	Types() []string
	// Render writes a picture of a frame, counted from 1. Unsupported: there is
	// nothing to be seen in this object, or not by us. NotFound: no such frame.
	Render(ctx context.Context, w io.Writer, i Instance, o Object, frame int, r Rendering) error
}

// A Deleter removes what a scope names.
type Deleter interface {
	// Delete removes it for a reason. NotFound: there is none. Forbidden. Conflict: it
	// is kept for a purpose. Invalid: no reason.
	Delete(ctx context.Context, at Scope, reason string) error
}

// A Handler answers under a root such as /dicom-web. Its fields must not change
// once it answers.
type Handler struct {
	// Root is the path under which it answers, without a slash at the end.
	Root string
	// Base returns the URL of Root as the client of a request sees it. Nil takes it
	// from the request.
	Base func(r *http.Request) string

	Find      Finder
	Objects   Objects
	Framer    Framer
	Metadata  Metadata
	Store     Receiver
	Spool     func() (Spool, error) // for bulk data beside metadata; nil refuses them
	Render    Renderer
	Documents Documenter // nil: what is no picture cannot be rendered
	Transcode Transcoder
	Delete    Deleter
	// Gone says why pixels of an instance are not kept any more, "" if they are, for the
	// answer to whoever asks for them. Nil: nothing ever is dropped.
	Gone func(ctx context.Context, i Instance) (string, error)

	MaxRows int // of one answer to a search; 0 is 5000
	Log     *slog.Logger
	Name    string // of the program, for warnings
	Now     func() time.Time

	once   sync.Once
	mux    *http.ServeMux
	blocks blockCache
}

// An Action is what a resource is about, for whoever decides who may ask for it.
type Action string

// The actions.
const (
	Search     Action = "search"
	Retrieve   Action = "retrieve"
	StoreNew   Action = "store"
	Remove     Action = "delete"
	Capability Action = "capabilities"
)

// A Route is an address that a Handler answers.
type Route struct {
	Pattern string // of net/http.ServeMux, with the method and Root
	Action  Action
	Handler http.Handler
}

// base returns the URL of the root for this client.
func (h *Handler) base(r *http.Request) string {
	if h.Base != nil {
		return strings.TrimSuffix(h.Base(r), "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + h.Root
}

// maxRows returns how many rows one answer has at most.
func (h *Handler) maxRows() int {
	if h.MaxRows > 0 {
		return h.MaxRows
	}
	return 5000
}

// log returns where to log to.
func (h *Handler) log() *slog.Logger {
	if h.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Log
}
