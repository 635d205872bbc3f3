/** Which files of the host Linux programs see. */

/** What a rule does with a path and all below it: it is not there, or is an empty directory, or is there. */
type Rule = 'hidden' | 'emptied' | 'shown';

/** Files of the host that hold secrets of others, and those that the machine has of its own. */
const HIDDEN_BY_DEFAULT: readonly (readonly [path: string, rule: Rule])[] = [
  ['/proc', 'emptied'],
  ['/sys', 'emptied'],
  ['/dev', 'emptied'],
  ['/root', 'emptied'],
  ['/etc/shadow', 'hidden'],
  ['/etc/shadow-', 'hidden'],
  ['/etc/gshadow', 'hidden'],
  ['/etc/gshadow-', 'hidden'],
  ['/etc/sudoers', 'hidden'],
  ['/etc/sudoers.d', 'hidden'],
  ['/etc/security/opasswd', 'hidden'],
  ['/etc/ssl/private', 'hidden'],
  ['/etc/krb5.keytab', 'hidden'],
  ['/etc/wireguard', 'hidden'],
  ['/etc/kubernetes', 'hidden'],
  ['/etc/NetworkManager/system-connections', 'hidden'],
  ['/var/backups/shadow.bak', 'hidden'],
  ['/var/backups/gshadow.bak', 'hidden'],
  ['/var/lib/docker', 'hidden'],
  ['/var/lib/kubelet', 'hidden'],
  ['/var/spool/cron', 'hidden'],
  ['/var/mail', 'emptied'],
  ['/var/spool/mail', 'emptied'],
  ['/etc/ssh/ssh_host_dsa_key', 'hidden'],
  ['/etc/ssh/ssh_host_ecdsa_key', 'hidden'],
  ['/etc/ssh/ssh_host_ed25519_key', 'hidden'],
  ['/etc/ssh/ssh_host_rsa_key', 'hidden'],
  ['/run/secrets', 'hidden'],
  ['/run/credentials', 'hidden'],
];

/** Names that hold keys and passwords, in whatever directory. */
const HIDDEN_NAMES: ReadonlySet<string> = new Set([
  ...['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.gcloud', '.netrc', '.npmrc', '.pypirc', '.pgpass'],
  ...['.git-credentials', '.password-store', '.mozilla', '.thunderbird', '.vault-token', '.bash_history'],
  ...['.zsh_history', '.python_history', '.psql_history', '.mysql_history', '.node_repl_history', '.my.cnf', '.s3cfg'],
  ...['.boto', '.Xauthority', '.config/google-chrome', '.config/chromium', '.config/rclone', '.terraform.d'],
  ...['.gem/credentials', '.m2/settings.xml'],
  ...['.config/gcloud', '.config/gh', '.local/share/keyrings', '.cargo/credentials', '.cargo/credentials.toml'],
]);

/** What to hide besides, and to show nevertheless: absolute paths of the host. */
export interface PathRules {
  readonly hide: readonly string[];
  readonly allow: readonly string[];
}

/** Paths are absolute paths of the host without symbolic links, as strings with a character for each byte. */
export class HiddenPaths {
  private readonly rules: ReadonlyMap<string, Rule>;
  private readonly allowed: readonly string[];

  constructor({ hide, allow }: PathRules = { hide: [], allow: [] }) {
    this.allowed = allow;
    this.rules = new Map<string, Rule>([
      ...HIDDEN_BY_DEFAULT,
      ...hide.map((path) => [path, 'hidden'] as const),
      ...allow.map((path) => [path, 'shown'] as const),
    ]);
  }

  /** Whether programs see what is at a path: itself, or the way to something that is allowed. */
  isVisible(path: string): boolean {
    return this.shows(path) || this.allowed.some((allowed) => isBelow(allowed, path));
  }

  /** The longest rule that a path lies at or below decides. */
  private shows(path: string): boolean {
    for (let at = path; ; at = parentOf(at)) {
      const rule = this.rules.get(at);
      if (rule === 'shown' || (rule === 'emptied' && at === path)) return true;
      if (rule !== undefined || isSecret(at)) return false;
      if (at === '/') return true;
    }
  }
}

/** Whether the last names of a path are among those that hold secrets. */
function isSecret(path: string): boolean {
  const names = path.split('/');
  return [1, 2, 3].some((count) => HIDDEN_NAMES.has(names.slice(-count).join('/')));
}

/** Whether a path lies below another one. */
function isBelow(path: string, above: string): boolean {
  return path.startsWith(above === '/' ? above : `${above}/`) && path !== above;
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}
