/* Maps a file that has no name any more over much memory that was touched: the kernel gives that up in steps. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	size_t length = 48 << 20;
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t at = 0; at < length; at += 4096)
		memory[at] = 1;
	int file = open("/made", O_RDWR | O_CREAT, 0600);
	write(file, memory, 8192);
	pwrite(file, "f", 1, 0);
	unlink("/made");
	return mmap(memory, length, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != memory || memory[0] != 'f';
}
