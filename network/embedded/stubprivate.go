package embedded

import (
	"errors"
)

var errNoCollection = errors.New("collection must not be an empty string")

func (s *stub) mayRead(collection string) error {
	if collection == "" {
		return errNoCollection
	}
	if err := s.live(); err != nil {
		return err
	}
	return s.sim.permission(s.GetChannelID(), s.namespace, collection, false)
}

func (s *stub) GetPrivateData(collection, key string) ([]byte, error) {
	if err := s.mayRead(collection); err != nil {
		return nil, err
	}
	return s.sim.getPrivate(s.namespace, collection, key)
}

func (s *stub) GetMultiplePrivateData(collection string, keys ...string) ([][]byte, error) {
	if collection == "" {
		return nil, errNoCollection
	}
	if len(keys) == 0 {
		return nil, nil
	}
	out := make([][]byte, len(keys))
	for i, key := range keys {
		v, err := s.GetPrivateData(collection, key)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// GetPrivateDataHash answers on every peer and to every client: the hash is in
// the block for all to see.
func (s *stub) GetPrivateDataHash(collection, key string) ([]byte, error) {
	if collection == "" {
		return nil, errNoCollection
	}
	if err := s.live(); err != nil {
		return nil, err
	}
	v, err := s.sim.getPrivateHash(s.namespace, collection, key)
	if err != nil || v == nil {
		return nil, err
	}
	return v.Value, nil
}

func (s *stub) PutPrivateData(collection, key string, value []byte) error {
	if collection == "" {
		return errNoCollection
	}
	if key == "" {
		return errors.New("key must not be an empty string")
	}
	return s.write(write{kind: putValue, collection: collection, key: key, value: value})
}

func (s *stub) DelPrivateData(collection, key string) error {
	if collection == "" {
		return errNoCollection
	}
	return s.write(write{kind: deleteValue, collection: collection, key: key})
}

// PurgePrivateData deletes a private key and, once committed, every earlier
// value of it that this peer still keeps.
func (s *stub) PurgePrivateData(collection, key string) error {
	if collection == "" {
		return errNoCollection
	}
	return s.write(write{kind: purgeValue, collection: collection, key: key})
}

func (s *stub) SetPrivateDataValidationParameter(collection, key string, ep []byte) error {
	if collection == "" {
		return s.SetStateValidationParameter(key, ep)
	}
	return s.write(write{kind: putMetadata, collection: collection, key: key, value: ep})
}

func (s *stub) GetPrivateDataValidationParameter(collection, key string) ([]byte, error) {
	if collection == "" {
		return s.GetStateValidationParameter(key)
	}
	if err := s.mayRead(collection); err != nil {
		return nil, err
	}
	v, err := s.sim.getPrivateHash(s.namespace, collection, key)
	if err != nil || v == nil {
		return nil, err
	}
	return parameterOf(v.Metadata)
}
