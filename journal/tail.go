package journal

import "sync"

// A tail tells everyone who waits in this process that the journal has grown.
type tail struct {
	mu   sync.Mutex
	ch   chan struct{}
	head int64
}

func (t *tail) changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ch == nil {
		t.ch = make(chan struct{})
	}
	return t.ch
}

// moved notes that everything up to head is sealed.
func (t *tail) moved(head int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if head > t.head {
		t.head = head
		t.rouse()
	}
}

// sealed returns up to where everything is known to be sealed.
func (t *tail) sealed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}

// nudge wakes everyone although the journal has not grown.
func (t *tail) nudge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rouse()
}

func (t *tail) rouse() {
	if t.ch != nil {
		close(t.ch)
		t.ch = nil
	}
}
