package embedded

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"

	"traceledger/network/block"
	"traceledger/network/validation"
)

const (
	// maxMessage is the largest gRPC message, as on a Fabric peer.
	maxMessage = 100 << 20
	// pipeBuffer is the buffer of an in-memory connection, per direction.
	pipeBuffer = 1 << 20
)

// Ledger is a running ledger. Its methods may be called from many goroutines.
type Ledger struct {
	cfg       Config
	log       *slog.Logger
	keys      []*organisationKeys // members, sorted by MSP id
	validator *validation.Validator
	disk      *directory
	store     *store
	endorser  *endorser
	orderer   *orderingNode

	mu      sync.Mutex
	closed  bool
	servers []*grpc.Server
	pipes   map[string]*bufconn.Listener
	direct  *directCalls
	conns   []*grpc.ClientConn
	serving sync.WaitGroup
}

// Open opens the ledger in cfg.Dir and founds it there if the directory is
// empty. It refuses a directory that is damaged, says what is wrong with it and
// changes nothing there.
func Open(cfg Config) (*Ledger, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	disk, err := openDirectory(cfg)
	if err != nil {
		return nil, err
	}
	l, err := start(cfg, disk)
	if err != nil {
		return nil, errors.Join(err, disk.close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.define(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.log.Warn("one process holds the keys of every organisation and of the orderer",
		"organisations", cfg.Organisations, "directory", cfg.Dir)
	return l, nil
}

// start wires the parts over an opened directory and begins to take orders.
func start(cfg Config, disk *directory) (*Ledger, error) {
	channel, err := validation.ReadChannel(disk.genesis)
	if err != nil {
		return nil, damaged("block 0: %v", err)
	}
	v := validation.New(channel)
	l := &Ledger{
		cfg:       cfg,
		log:       cfg.Logger,
		keys:      disk.keys.Members,
		validator: v,
		disk:      disk,
		store:     disk.store,
		pipes:     map[string]*bufconn.Listener{},
		direct:    newDirectCalls(),
	}
	if err := l.checkMembers(); err != nil {
		return nil, err
	}
	peers := map[string]*signer{}
	for _, o := range l.keys {
		if peers[o.MSPID], err = newSigner(o.MSPID, o.Node, v); err != nil {
			return nil, err
		}
	}
	node, err := newSigner(ordererMSP, disk.keys.Orderers.Node, v)
	if err != nil {
		return nil, err
	}
	if err := disk.checkTail(v); err != nil {
		return nil, err
	}
	l.endorser = &endorser{
		channel:     cfg.Channel,
		store:       disk.store,
		validator:   v,
		chaincodes:  map[string]shim.Chaincode{},
		peers:       peers,
		now:         cfg.Now,
		log:         cfg.Logger,
		separate:    cfg.SeparateEndorsers,
		plans:       newPlanner(cfg.Organisations, peers),
		held:        map[string]*view{},
		definitions: map[string]*committedDefinition{},
	}
	for _, cc := range cfg.Chaincodes {
		l.endorser.chaincodes[cc.Name] = cc.Chaincode
	}
	l.orderer = &orderingNode{
		batch:      cfg.Batch,
		maxBytes:   int(channel.AbsoluteMaxBytes),
		store:      disk.store,
		validator:  v,
		signer:     node,
		now:        cfg.Now,
		log:        cfg.Logger,
		queue:      make(chan *validation.Checked, queueLength),
		done:       make(chan struct{}),
		previous:   block.HeaderHash(disk.last.GetHeader()),
		commitHash: disk.commitHash,
	}
	go l.orderer.run()
	return l, nil
}

// checkMembers refuses a configuration that names other organisations or
// another channel than the directory was founded with.
func (l *Ledger) checkMembers() error {
	channel := l.validator.Channel()
	if channel.ID != l.cfg.Channel {
		return fmt.Errorf("directory %s holds channel %q, configured is %q", l.cfg.Dir, channel.ID, l.cfg.Channel)
	}
	have := make([]string, 0, len(l.keys))
	for _, o := range l.keys {
		have = append(have, o.MSPID)
	}
	if !slices.Equal(have, l.cfg.Organisations) {
		return fmt.Errorf("directory %s was founded by %v, configured are %v", l.cfg.Dir, have, l.cfg.Organisations)
	}
	return nil
}

// Height returns the number of committed blocks.
func (l *Ledger) Height() uint64 { return l.store.height() }

// Conn returns a new in-memory connection to the ledger, for stock clients. A
// client is served by the peer of its own organisation. The caller may close
// the connection; Close does so in any case.
func (l *Ledger) Conn() *grpc.ClientConn { return l.connect("") }

// ConnTo is Conn to the gateway of one organisation's peer, whoever the client
// is.
func (l *Ledger) ConnTo(mspID string) *grpc.ClientConn { return l.connect(mspID) }

func (l *Ledger) connect(home string) *grpc.ClientConn {
	// Options and target are constant; NewClient fails on malformed ones only.
	conn, err := grpc.NewClient("passthrough:///embedded",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			pipe, err := l.pipe(home)
			if err != nil {
				return nil, err
			}
			return pipe.DialContext(ctx)
		}),
		grpc.WithInitialWindowSize(pipeBuffer),
		grpc.WithInitialConnWindowSize(pipeBuffer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
	)
	if err != nil {
		l.log.Error("in-memory connection", "error", err)
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return conn
}

// pipe returns the in-memory listener of one organisation's gateway and starts
// to serve it when it is first asked for.
func (l *Ledger) pipe(home string) (*bufconn.Listener, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if p, ok := l.pipes[home]; ok {
		return p, nil
	}
	p := bufconn.Listen(pipeBuffer)
	server := l.newServer(home)
	l.pipes[home] = p
	l.servers = append(l.servers, server)
	l.serving.Go(func() {
		if err := server.Serve(p); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			l.log.Error("in-memory server", "error", err)
		}
	})
	return p, nil
}

func (l *Ledger) newServer(home string, options ...grpc.ServerOption) *grpc.Server {
	options = append(options,
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.InitialWindowSize(pipeBuffer),
		grpc.InitialConnWindowSize(pipeBuffer),
		// Close must not pull the store away from a call under way.
		grpc.WaitForHandlers(true),
		// Clients of a network keep their connections alive; gRPC's default would take
		// that for abuse and cut them off.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}),
	)
	server := grpc.NewServer(options...)
	gateway.RegisterGatewayServer(server, &gatewayService{Ledger: l, home: home})
	peer.RegisterDeliverServer(server, &deliverService{Ledger: l})
	return server
}

// Healthy returns nil while the ledger commits. Once a block could not be committed
// it returns that failure for good: reads go on, writes are refused, and only a
// restart can tell what is on the disk.
func (l *Ledger) Healthy() error { return l.orderer.healthy() }

// Serve answers clients on lis until the ledger is closed or lis fails. With a
// nil config it serves without TLS, which belongs on a loopback address only.
func (l *Ledger) Serve(lis net.Listener, config *tls.Config) error {
	options := []grpc.ServerOption{grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveInterval})}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := l.newServer("", options...)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosed
	}
	l.servers = append(l.servers, server)
	l.serving.Add(1)
	l.mu.Unlock()
	defer l.serving.Done()
	if err := server.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Enrolment is an identity issued by an organisation's CA.
type Enrolment struct {
	MSPID   string
	CertPEM []byte
	KeyPEM  []byte
}

// EnrolOption changes what an enrolment's certificate says.
type EnrolOption func(*enrolment)

// NotAfter sets when the certificate expires; five years from now by default.
func NotAfter(t time.Time) EnrolOption { return func(e *enrolment) { e.notAfter = t } }

// AsAdmin enrols an administrator of the organisation instead of a client.
func AsAdmin() EnrolOption { return func(e *enrolment) { e.role = "admin" } }

// Enrol issues a client certificate with the given attributes, which chaincode
// reads by the client identity library. The key is made here, returned, and not
// kept.
func (l *Ledger) Enrol(mspID, name string, attributes map[string]string, options ...EnrolOption) (*Enrolment, error) {
	o, err := l.organisation(mspID)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("enrolment needs a name")
	}
	now := l.cfg.Now()
	e := enrolment{name: name, role: "client", attributes: attributes, notAfter: now.Add(enrolmentLifetime)}
	for _, option := range options {
		option(&e)
	}
	pair, err := o.issue(e, now)
	if err != nil {
		return nil, err
	}
	return &Enrolment{MSPID: mspID, CertPEM: []byte(pair.Certificate), KeyPEM: []byte(pair.Key)}, nil
}

func (l *Ledger) organisation(mspID string) (*organisationKeys, error) {
	for _, o := range l.keys {
		if o.MSPID == mspID {
			return o, nil
		}
	}
	return nil, fmt.Errorf("organisation %q is not a member; members are %v", mspID, l.cfg.Organisations)
}

// CACertPEM returns the certificate of an organisation's CA, nil for an unknown
// organisation.
func (l *Ledger) CACertPEM(mspID string) []byte {
	o, err := l.organisation(mspID)
	if err != nil {
		return nil
	}
	return []byte(o.CA.Certificate)
}

// HoldEndorser keeps an organisation's peer at the present height until
// ReleaseEndorser, as a peer that lags behind. It needs
// Config.SeparateEndorsers.
func (l *Ledger) HoldEndorser(mspID string) error {
	if !l.cfg.SeparateEndorsers {
		return errors.New("endorsers can be held only with Config.SeparateEndorsers")
	}
	if _, err := l.organisation(mspID); err != nil {
		return err
	}
	l.endorser.hold(mspID)
	return nil
}

// ReleaseEndorser lets a held peer catch up.
func (l *Ledger) ReleaseEndorser(mspID string) { l.endorser.unhold(mspID) }

// Close commits what stands in line, ends every connection and closes the
// store. Calls that wait for a transaction or a block end with an error; what
// they waited for is committed or was never accepted.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	servers, conns := l.servers, l.conns
	l.mu.Unlock()
	l.orderer.close()
	l.store.stop()
	for _, c := range conns {
		// A connection that the caller has closed already says so; that is fine.
		_ = c.Close()
	}
	for _, s := range servers {
		s.Stop()
	}
	l.serving.Wait()
	l.direct.close()
	for _, m := range l.cfg.Organisations {
		l.endorser.unhold(m)
	}
	noteHeight(l.cfg, l.store.height())
	return l.disk.close()
}

// storedKeys is the row that holds every organisation's keys.
type storedKeys struct {
	Members  []*organisationKeys `json:"members"`
	Orderers *organisationKeys   `json:"orderers"`
}

func (k *storedKeys) encode() ([]byte, error) { return json.Marshal(k) }
