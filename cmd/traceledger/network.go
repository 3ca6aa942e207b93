package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"traceledger/network/fabric"
)

// NetworkConfig is the YAML file of the network command. Flags override it; without
// either the defaults hold.
type NetworkConfig struct {
	// Dir is the folder of the network: keys, configuration, ledgers, logs.
	Dir string `yaml:"dir"`
	// Chaincode is the program of the contracts, tracecc; empty takes the one that lies
	// beside this program.
	Chaincode string `yaml:"chaincode"`
	// BasePort is the first of the ports of a new network, which are counted up in the
	// order that "traceledger network ports" prints; 0 takes free ones.
	BasePort int `yaml:"basePort"`
	// Ports overrides single ports of a new network by those names.
	Ports map[string]int `yaml:"ports"`
	// Hosts are the names under which the nodes of a new network are reached, such as
	// "orderer1: one.example" or "LabMSP/peer: lab.example"; 127.0.0.1 where none is
	// given. While this machine makes the network they must lead to it.
	Hosts map[string]string `yaml:"hosts"`
	// CertificateAuthorities gives each organisation of a new network a Fabric CA, for
	// whose program a C compiler is needed. Without them identities are issued with the
	// authorities' keys in this folder.
	CertificateAuthorities bool `yaml:"certificateAuthorities"`
	// BatchInterval is how long an orderer of a new network waits for more transactions
	// before it makes a block.
	BatchInterval time.Duration `yaml:"batchInterval"`
	// Timeout is how long each step of a command may take. A node that fetches blocks is
	// waited for as long as they come.
	Timeout time.Duration `yaml:"timeout"`
	// LogLevel is debug, info, warn or error; of this command and of the nodes it starts.
	LogLevel string `yaml:"logLevel"`
}

func defaultNetworkConfig() NetworkConfig {
	return NetworkConfig{
		Dir: filepath.Join("data", "network"), BasePort: 17050, CertificateAuthorities: true,
		BatchInterval: 200 * time.Millisecond, Timeout: 10 * time.Minute, LogLevel: "warn",
	}
}

// networkCommand is one sub-command of network.
type networkCommand struct {
	name, arguments, title string
	run                    func(ctx context.Context, c networkCall) error
}

// networkCall is a sub-command with what it was given.
type networkCall struct {
	cfg    NetworkConfig
	args   []string // without flags
	flags  networkFlags
	logger *slog.Logger
	out    io.Writer
}

// networkFlags are those of single sub-commands.
type networkFlags struct {
	follow, yes, json         bool
	lines                     int
	organisation, role, party string
	kind, host                string
	wallet, version           string
	address, scannerAddress   string
}

func networkCommands() []networkCommand {
	return []networkCommand{
		{"up", "", "start, join and deploy what is missing, until every gateway takes submits", networkUp},
		{"status", "[-json]", "every node: process, address, height, channel, chaincode; fails unless all are well", networkStatus},
		{"logs", "[NODE] [-f] [-n LINES]", "the end of one node's log, or of all", networkLogs},
		{"stop", "NODE", "ask a node to end", networkStop},
		{"kill", "NODE", "end a node at once", networkKill},
		{"start", "NODE", "start a node on its data", networkStart},
		{"down", "", "end every node, and check that no process and no listener is left", networkDown},
		{"clean", "[-yes]", "remove the folder of a network that is down", networkClean},
		{"upgrade", "[-version V]", "bring in another chaincode program while the channel works on", networkUpgrade},
		{"add", "-msp MSP -kind KIND [-host H]", "take one more organisation of a kind into the running channel", networkAdd},
		{"remove", "-msp MSP", "take an organisation whose membership has ended out of the running channel", networkRemove},
		{"enrol", "-role R -party P -to WALLET [-org MSP]", "have an organisation's CA issue an identity into a wallet", networkEnrol},
		{"ports", "", "the ports of a new network by name, in the order of basePort", networkPorts},
		{"demo", "", "up, a gateway and a scanner on it, and the demonstration loaded", networkDemo},
	}
}

// runNetwork operates a consortium's Fabric network on this machine.
func runNetwork(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range networkCommands() {
			if c.name == args[0] {
				call, err := parseNetwork(c, args[1:], out)
				if err != nil {
					return err
				}
				return c.run(ctx, call)
			}
		}
	}
	fmt.Fprintln(out, "usage: traceledger network COMMAND [-config FILE] [-dir DIR] [flags]")
	for _, c := range networkCommands() {
		fmt.Fprintf(out, "  %-46s %s\n", c.name+" "+c.arguments, c.title)
	}
	if len(args) > 0 {
		return fmt.Errorf("no command %q of network", args[0])
	}
	return flag.ErrHelp
}

func parseNetwork(c networkCommand, args []string, out io.Writer) (networkCall, error) {
	call := networkCall{cfg: defaultNetworkConfig(), out: out}
	flags := flag.NewFlagSet("network "+c.name, flag.ContinueOnError)
	var given NetworkConfig
	file := flags.String("config", "", "YAML file of the network")
	flags.StringVar(&given.Dir, "dir", "", "folder of the network (default "+call.cfg.Dir+")")
	flags.StringVar(&given.Chaincode, "chaincode", "", "program of the contracts (default tracecc beside this program)")
	flags.StringVar(&given.LogLevel, "log", "", "log level: debug, info, warn or error (default "+call.cfg.LogLevel+")")
	switch c.name {
	case "status":
		flags.BoolVar(&call.flags.json, "json", false, "print JSON")
	case "logs":
		flags.BoolVar(&call.flags.follow, "f", false, "go on with what is written")
		flags.IntVar(&call.flags.lines, "n", 20, "lines of each log")
	case "clean":
		flags.BoolVar(&call.flags.yes, "yes", false, "do not ask")
	case "upgrade":
		flags.StringVar(&call.flags.version, "version", "", "version to call it (default: the next number)")
	case "add":
		flags.StringVar(&call.flags.organisation, "msp", "", "MSP id of the organisation, such as Producer2MSP")
		flags.StringVar(&call.flags.kind, "kind", "", "founding organisation of its kind, such as ProducerMSP: its members may do what that one's may")
		flags.StringVar(&call.flags.host, "host", "", "name under which its peer and CA are reached (default 127.0.0.1)")
	case "remove":
		flags.StringVar(&call.flags.organisation, "msp", "", "MSP id of the organisation, such as Producer2MSP")
	case "enrol":
		flags.StringVar(&call.flags.organisation, "org", "", "organisation, such as Producer2MSP (default: the founding one of the role's kind)")
		flags.StringVar(&call.flags.role, "role", "", "role the identity acts in")
		flags.StringVar(&call.flags.party, "party", "", "party the identity acts for")
		flags.StringVar(&call.flags.wallet, "to", "", "wallet directory to write, DATA/wallet of the gateway that will use it")
	case "demo":
		flags.StringVar(&call.flags.address, "addr", "127.0.0.1:8080", "listen address of the gateway")
		flags.StringVar(&call.flags.scannerAddress, "scanner-addr", "127.0.0.1:8081", "listen address of the scanner")
	}
	// A node's name may stand before flags: logs orderer1 -f.
	for rest := args; ; {
		if err := flags.Parse(rest); err != nil {
			return call, err
		}
		if flags.NArg() == 0 {
			break
		}
		call.args = append(call.args, flags.Arg(0))
		rest = flags.Args()[1:]
	}
	if want := map[string]int{"stop": 1, "kill": 1, "start": 1, "logs": 1}[c.name]; len(call.args) > want || len(call.args) < want && c.name != "logs" {
		return call, fmt.Errorf("usage: traceledger network %s %s", c.name, c.arguments)
	}
	if err := call.cfg.read(*file); err != nil {
		return call, err
	}
	for field, value := range map[*string]string{&call.cfg.Dir: given.Dir, &call.cfg.Chaincode: given.Chaincode, &call.cfg.LogLevel: given.LogLevel} {
		if value != "" {
			*field = value
		}
	}
	var err error
	call.logger, err = logTo(call.cfg.LogLevel)
	return call, err
}

func (c *NetworkConfig) read(file string) error {
	if file == "" {
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalWithOptions(content, c, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if c.Dir == "" || c.BasePort < 0 || c.BatchInterval <= 0 || c.Timeout <= 0 {
		return fmt.Errorf("%s: dir must not be empty, basePort not below 0, batchInterval and timeout above 0", file)
	}
	return nil
}

// fabric is the configuration as the launcher takes it.
func (c *networkCall) fabric() fabric.Config {
	return fabric.Config{
		Dir: c.cfg.Dir, Channel: channelName, Detached: true,
		Ports: fabric.Ports{Base: c.cfg.BasePort, Named: c.cfg.Ports},
		Hosts: c.cfg.Hosts, Authorities: c.cfg.CertificateAuthorities, BatchInterval: c.cfg.BatchInterval,
		LogLevel: c.cfg.LogLevel, Logger: c.logger,
	}
}

// patient is fabric for a command that may come while another is in charge, as units do that start
// with the machine: it waits, and says for what. What changes the members or the contracts does not
// wait: what it was to change may be another by then.
func (c *networkCall) patient() fabric.Config {
	cfg := c.fabric()
	cfg.Waiting = func(holder string) {
		fmt.Fprintf(os.Stderr, "waiting, for %s at most, for who is in charge of %s: %s\n", c.cfg.Timeout, c.cfg.Dir, holder)
	}
	return cfg
}

// chaincode is the program of the contracts.
func (c *NetworkConfig) chaincode() (string, error) {
	return programBeside(c.Chaincode, "tracecc", "the program of the contracts is needed: go build ./chaincode/cmd/tracecc, and name it with -chaincode")
}

// programBeside is the program that was given, or else the one of that name that lies
// beside this one.
func programBeside(given, name, missing string) (string, error) {
	program := given
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		program = filepath.Join(filepath.Dir(self), name)
	}
	if _, err := os.Stat(program); err != nil {
		return "", errors.Join(errors.New(missing), err)
	}
	return program, nil
}
