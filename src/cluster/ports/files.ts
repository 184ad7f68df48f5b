/** Files of the machine. Whoever implements this keeps its promises over a power loss. */

export interface WriteOptions {
  /** Permissions of the file. Default: those of the file that is replaced, or else {@link newMode}. */
  readonly mode?: number;
  /** Permissions of a file that was not there. Default 0600. */
  readonly newMode?: number;
  /** Permissions of folders that have to be made. Default 0700. */
  readonly directoryMode?: number;
  /** Default: that of the file that is replaced, or else this process's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface Files {
  /** Undefined: no such file. @throws KubevipError FILE_UNREADABLE */
  read(path: string): Promise<string | undefined>;
  /** Whole or not at all, and on the disk when it returns. @throws KubevipError FILE_NOT_WRITTEN */
  write(path: string, text: string, options?: WriteOptions): Promise<void>;
  /** Writes into the file that is there: settings of the kernel are no files that could be replaced. */
  overwrite(path: string, text: string): Promise<void>;
  /** One that is not there is fine. @throws KubevipError FILE_NOT_WRITTEN */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Names in a folder. Undefined: no such folder. */
  list(path: string): Promise<readonly string[] | undefined>;
  /** Removes a folder with all that is in it. One that is not there is fine. */
  removeTree(path: string): Promise<void>;
  /** Removes a folder if nothing is in it. @returns whether it is gone. */
  removeEmptyDirectory(path: string): Promise<boolean>;
  /**
   * A file of mode 0600 that only lives in memory, for what a program is told and nobody else shall read.
   * @param name end of its name, for messages of that program.
   */
  privateFile(name: string, text: string): Promise<PrivateFile>;
}

export interface PrivateFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** Lines that are only ever added. */
export interface JournalFile {
  /** Path, for messages. */
  readonly path: string;
  /** Empty if there is none. */
  load(): Promise<string>;
  /** One line; on the disk when it returns. */
  append(line: string): Promise<void>;
  remove(): Promise<void>;
}
