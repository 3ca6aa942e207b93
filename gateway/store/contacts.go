package store

import (
	"bytes"
	"context"
	"errors"
)

// Contacts holds the only personal data of the system, under references that carry
// no meaning themselves: how to reach a natural person, and the salts of
// commitments on the chain, without which a commitment says nothing about anyone.
// A person may ask for both to be deleted (PIPL art. 47); Erase does that.
type Contacts struct{ store *Store }

// SetContact keeps content under reference, replacing what was there. Durable on
// return.
func (c *Contacts) SetContact(reference string, content []byte) error {
	return c.set(kindContact, reference, content)
}

// Contact returns what is kept under reference.
func (c *Contacts) Contact(reference string) (content []byte, found bool, err error) {
	return c.store.get(key(kindContact, reference))
}

// SetSalt keeps a commitment's salt under reference. Durable on return.
func (c *Contacts) SetSalt(reference string, salt []byte) error {
	return c.set(kindSalt, reference, salt)
}

// Salt returns the salt kept under reference.
func (c *Contacts) Salt(reference string) (salt []byte, found bool, err error) {
	return c.store.get(key(kindSalt, reference))
}

// Erase deletes contact and salt of reference. When it returned nil they do not
// come back after a crash, and they are gone from the database's tables too, not
// merely hidden; blocks of the disk that the file system has freed, and backups
// made earlier, are the operator's to age out.
func (c *Contacts) Erase(ctx context.Context, reference string) error {
	b := c.store.db.NewBatch()
	err := errors.Join(b.Delete(key(kindContact, reference), nil), b.Delete(key(kindSalt, reference), nil))
	if err == nil {
		err = c.store.commit(b)
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	if err := c.store.db.Flush(); err != nil {
		return err
	}
	for _, kind := range []byte{kindContact, kindSalt} {
		k := key(kind, reference)
		if err := c.store.db.Compact(ctx, k, append(bytes.Clone(k), 0), false); err != nil {
			return err
		}
	}
	return nil
}

func (c *Contacts) set(kind byte, reference string, content []byte) error {
	b := c.store.db.NewBatch()
	if err := b.Set(key(kind, reference), content, nil); err != nil {
		return err
	}
	return errors.Join(c.store.commit(b), b.Close())
}
